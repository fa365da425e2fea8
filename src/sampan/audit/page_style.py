"""The style sheet of the page: dark or light as its reader prefers, and good to print."""

STYLE = """
:root {
  --paper: #fbfaf8; --card: #fff; --ink: #1d2329; --faint: #66707a; --line: #e2e0db;
  --critical: #a3123a; --high: #d0421b; --medium: #b97a00; --low: #2b73b8; --info: #6d7781; --good: #2b8a4b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --card: #1d2126; --ink: #e8e6e1; --faint: #98a1aa; --line: #30363d;
    --critical: #ff5d86; --high: #ff8a5c; --medium: #f0b840; --low: #6cb2f5; --info: #9aa4ae; --good: #5fce84;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif;
}
header { display: flex; gap: 1.75rem; align-items: center; flex-wrap: wrap; margin-bottom: 2rem; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.2; }
h2 { display: flex; align-items: center; gap: .6rem; margin: 2.25rem 0 .75rem; font-size: 1.15rem; }
h2 small, .bundle, footer { color: var(--faint); }
.bundle { margin: .25rem 0 .75rem; overflow-wrap: anywhere; }
.score {
  width: 7rem; height: 7rem; border-radius: 50%; display: grid; place-content: center; text-align: center;
  background:
    radial-gradient(circle closest-side, var(--paper) 84%, transparent 85%),
    conic-gradient(var(--good) calc(var(--score) * 1%), var(--line) 0);
}
.score span { font-size: 2.2rem; font-weight: 700; line-height: 1; }
.score small { color: var(--faint); }
.counts { margin: 0; display: flex; flex-wrap: wrap; gap: .4rem 1.1rem; }
.count b { font-size: 1.1rem; }
.count.critical b { color: var(--critical); }
.count.high b { color: var(--high); }
.count.medium b { color: var(--medium); }
.count.low b { color: var(--low); }
.count.info b { color: var(--info); }
.dot { width: .8rem; height: .8rem; border-radius: 50%; background: var(--info); }
.dot.critical { background: var(--critical); }
.dot.high { background: var(--high); }
.dot.medium { background: var(--medium); }
.dot.low { background: var(--low); }
details { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; }
.finding { border-left: .3rem solid var(--info); }
.finding.critical { border-left-color: var(--critical); }
.finding.high { border-left-color: var(--high); }
.finding.medium { border-left-color: var(--medium); }
.finding.low { border-left-color: var(--low); }
summary { padding: .6rem .9rem; cursor: pointer; overflow-wrap: anywhere; }
summary code { color: var(--faint); }
.title { font-weight: 600; }
code { font: .88em ui-monospace, monospace; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: 9.5rem 1fr; gap: .5rem 1rem; margin: 0; padding: .25rem 1.1rem 1rem; }
dt { color: var(--faint); }
dd { margin: 0; min-width: 0; }
ul { margin: .35rem 0 0; padding-left: 1.2rem; }
a { color: inherit; }
.plan { margin-top: 3rem; }
table { border-collapse: collapse; table-layout: fixed; width: 100%; font-size: .9rem; }
thead th:first-child { width: 4rem; }
thead th:last-child { width: 34%; }
th, td { padding: .25rem .9rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
thead th, td:first-child, td:last-child { color: var(--faint); }
tbody th { padding-top: .9rem; }
tr:target { background: var(--line); }
footer { margin-top: 3rem; font-size: .85rem; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: .15rem; } dd { margin-bottom: .6rem; } }
@media print { details::details-content { content-visibility: visible; } body { background: #fff; } }
"""
