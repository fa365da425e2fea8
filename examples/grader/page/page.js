// Shows exercises, hands in programs, and tells what has come of them. All text is set as text, never as HTML.

const find = (id) => document.getElementById(id);
const drafts = {};
let exercises = {};
let current = "";

function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

function choose(name) {
  if (current) drafts[current] = find("code").value;
  current = name;
  for (const button of find("exercises").children) button.ariaCurrent = String(button.dataset.name === name);
  find("title").textContent = exercises[name].title;
  find("text").textContent = exercises[name].text;
  find("code").value = drafts[name] ?? exercises[name].start;
  find("verdict").hidden = true;
  find("nothing").hidden = false;
}

async function submit() {
  const [button, name] = [find("submit"), current];
  if (button.disabled) return;
  button.disabled = true;
  button.textContent = "Running …";
  let verdict;
  try {
    const response = await fetch(`exercises/${name}/submissions`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code: find("code").value }),
    });
    verdict = await response.json();
    if (!response.ok) {
      const reason = typeof verdict.detail === "string" ? verdict.detail : "This cannot be handed in.";
      verdict = { state: "refused", explanation: reason, tests: [] };
    }
  } catch {
    verdict = { state: "refused", explanation: "The grader does not answer. Try again in a minute.", tests: [] };
  } finally {
    button.disabled = false;
    button.textContent = "Hand in";
  }
  if (name === current) show(verdict);
}

function show(verdict) {
  find("banner").textContent = verdict.explanation;
  find("banner").dataset.state = verdict.state;
  find("tests").replaceChildren(...verdict.tests.map((test, number) => row(test, verdict.tests[number - 1])));
  const ran = verdict.seconds !== undefined;
  document.querySelector(".meters").hidden = !ran;
  if (ran) {
    measure("time", verdict.seconds, verdict.timeout, `${verdict.seconds.toFixed(2)} of ${verdict.timeout} s`);
    const mega = (bytes) => (bytes / 2 ** 20).toFixed(0);
    const memory = verdict.memory ?? 0;
    measure("memory", memory, verdict.memory_limit, `${mega(memory)} of ${mega(verdict.memory_limit)} MB`);
  }
  find("output").hidden = !verdict.printed;
  find("printed").textContent = verdict.printed ?? "";
  find("nothing").hidden = true;
  find("verdict").hidden = false;
}

function row(test, before) {
  const item = element("li", "");
  item.dataset.state = test.state;
  const states = { forbidden: "not permitted here" };
  item.append(element("span", states[test.state] ?? test.state, "state"), element("code", test.name));
  if (test.state === "failed" && test.expected) {
    const line = element("p", "gave ");
    line.append(element("code", test.found), " instead of ", element("code", test.expected));
    item.append(line);
  } else if (test.state !== "passed" && test.found && test.found === before?.found) {
    item.append(element("p", "the same as above"));
  } else if (test.state !== "passed" && test.found) {
    item.append(element("pre", test.found));
  }
  return item;
}

function measure(id, value, max, text) {
  const meter = find(id);
  Object.assign(meter, { max, high: max * 0.8, optimum: 0, value });
  find(`${id}-text`).textContent = text;
}

find("submit").addEventListener("click", submit);
find("code").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey) submit();
  if (event.key === "Tab" && !event.shiftKey) {
    event.preventDefault();
    const { selectionStart, selectionEnd } = event.target;
    event.target.setRangeText("    ", selectionStart, selectionEnd, "end");
  }
});

exercises = await (await fetch("exercises")).json();
for (const [name, exercise] of Object.entries(exercises)) {
  const button = element("button", exercise.title);
  button.type = "button";
  button.dataset.name = name;
  button.addEventListener("click", () => choose(name));
  find("exercises").append(button);
}
choose(Object.keys(exercises)[0]);
