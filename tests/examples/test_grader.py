"""examples/grader, as students see it: its page in a browser, and programs that mean no good."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from .readme import copy_of, environment
from .sandboxes import nothing_is_left

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="limits of memory need root"),
    pytest.mark.skipif(not os.access("/usr/bin/python3", os.X_OK), reason="submissions run by /usr/bin/python3"),
]

START = "python -m uvicorn service:app"  # as the README says
SECRET = "sampan-secret-7d1f"
RIGHT = "def say(n):\n    return 'Fizz' * (n % 3 == 0) + 'Buzz' * (n % 5 == 0) or str(n)\n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the service, with a file that is not for students."""
    copy = copy_of("grader", tmp_path_factory.mktemp("grader"))
    (copy / "students.txt").write_text(SECRET)
    return copy


@pytest.fixture(scope="module")
def grader(directory: Path) -> Iterator[str]:
    """The address of the service. In the end it stops at once, and no sandbox stays."""
    log = directory.parent / "log"
    command = ["sh", "-c", f"exec {START} --port 0"]
    assert f"\n$ {START}\n" in (directory / "README.md").read_text()
    env = {**environment(), "SECRET": SECRET}
    with log.open("w") as stream, nothing_is_left():
        service = subprocess.Popen(command, cwd=directory, env=env, stdout=stream, stderr=stream)
        try:
            while (found := re.search(r"running on (http://\S+)", log.read_text())) is None:
                assert service.poll() is None, log.read_text()
                time.sleep(0.05)
            yield found[1]
        finally:
            service.terminate()
            service.wait(timeout=60)
    assert "Traceback" not in log.read_text(), log.read_text()


def hand_in(grader: str, code: str, exercise: str = "1-fizz") -> Any:
    request = urllib.request.Request(
        f"{grader}/exercises/{exercise}/submissions",
        json.dumps({"code": code}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        assert response.headers["Content-Security-Policy"] == "default-src 'self'"
        return json.load(response)


@pytest.mark.parametrize(
    "exercise, code",
    [
        ("1-fizz", RIGHT),
        ("2-anagrams", "def are_anagrams(a, b):\n    return sorted(a.lower()) == sorted(b.lower())\n"),
        (
            "3-primes",
            "def primes_below(n):\n    return [p for p in range(2, n) if all(p % q for q in range(2, p))]\n",
        ),
    ],
)
def test_each_exercise_has_a_solution(grader: str, exercise: str, code: str) -> None:
    verdict = hand_in(grader, code, exercise)
    assert (verdict["state"], {test["state"] for test in verdict["tests"]}) == ("passed", {"passed"})


def test_nobody_reads_what_is_others(grader: str, directory: Path) -> None:
    """The service's environment and files, and the program of a student whose sandbox runs at the same time."""
    search = f"""
import os
wanted = "{SECRET[::-1]}"[::-1]  # so that it does not find itself
def say(number):
    os.mkdir("own")
    open("own/students.txt", "w").write(wanted)
    found = []
    for top in "/proc /tmp /home /root /var /run /etc /dev {directory}".split():
        for place, _, names in os.walk(top):
            for name in set(names) & set("environ cmdline students.txt submission.py log".split()):
                try:
                    if wanted in open(os.path.join(place, name)).read(): found.append(place)
                except OSError:
                    pass
    return str(found)
"""
    victim = f"import time\nOWN = '{SECRET}'\ndef say(n):\n    time.sleep(0.3)\n    return OWN\n"
    with ThreadPoolExecutor() as pool:
        at_once = [pool.submit(hand_in, grader, code) for code in (victim, search, victim)]
        verdicts = [future.result() for future in at_once]
    assert verdicts[0]["tests"][0]["found"] == verdicts[2]["tests"][0]["found"] == repr(SECRET)
    assert verdicts[1]["tests"][0]["found"] == repr(str(["/tmp/own"])), verdicts[1]


@pytest.mark.parametrize(
    "answer",
    [
        '{"number": 0, "value": "1", "shown": "1"}',  # a right one, which it may guess
        '{"number": 1e999}',
        '{"number": 0, "error": "\\\\ud800", "errno": []}',
        '{"number": [], "value": {}}',
        '{"number": 0, "value": ' + "[" * 5000 + "]" * 5000 + "}",
        "\\0\\xff",
        '[{"number": 0}]',
    ],
)
def test_forged_answers(grader: str, answer: str) -> None:
    """They are judged as any, and harm nobody."""
    line = f"{answer}\\n"
    write = f"import os\nfor fd in range(3, 10):\n    try: os.write(fd, b'''{line}''')\n    except OSError: pass\n"
    code = f"{write}os._exit(0)"
    verdict = hand_in(grader, code)
    assert verdict["state"] == "failed"
    assert {test["state"] for test in verdict["tests"][1:]} == {"not reached"}


@pytest.mark.parametrize("code", ["x" * 50_001, "\ud800", None])
def test_what_cannot_be_handed_in(grader: str, code: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        hand_in(grader, code)
    with caught.value as error:
        assert error.code == 422


def test_many_students(grader: str) -> None:
    """More than there are sandboxes: all get their verdict."""
    with ThreadPoolExecutor(12) as pool:
        verdicts = list(pool.map(lambda _: hand_in(grader, RIGHT), range(12)))
    assert {verdict["state"] for verdict in verdicts} == {"passed"}


class Page:
    """The page in a browser."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def hand_in(self, code: str) -> str:
        """What the banner says then."""
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support.ui import WebDriverWait

        editor = self.browser.find_element(By.ID, "code")
        self.browser.execute_script("arguments[0].value = arguments[1]", editor, code)
        self.browser.execute_script("document.getElementById('banner').textContent = ''")
        self.browser.find_element(By.ID, "submit").click()
        banner = self.browser.find_element(By.ID, "banner")
        return str(WebDriverWait(self.browser, 60).until(lambda _: banner.text))

    def text(self, selector: str) -> list[str]:
        from selenium.webdriver.common.by import By

        return [found.text for found in self.browser.find_elements(By.CSS_SELECTOR, selector) if found.is_displayed()]

    def look(self, name: str) -> None:
        """Keep a picture, where somebody wants to see them."""
        if directory := os.environ.get("GRADER_PICTURES"):
            self.browser.save_screenshot(str(Path(directory, f"{name}.png")))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    chromium, driver_program = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver_program is None:
        pytest.skip("needs a browser: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("browser")
    for word in ("headless=new", "no-sandbox", "disable-gpu", "window-size=1280,900", f"user-data-dir={profile}"):
        options.add_argument(f"--{word}")
    driver = webdriver.Chrome(options, webdriver.ChromeService(driver_program))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: Any, grader: str) -> Iterator[Page]:
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(grader)
    page = Page(browser)
    WebDriverWait(browser, 30).until(lambda _: page.text("#title") == ["Fizz and buzz"])
    yield page
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []


def test_the_page(page: Page) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    page.look("begin")
    assert page.hand_in(RIGHT + "print('I am here')\n") == "6 of 6 tests passed."
    assert page.text("#tests li[data-state=passed] code")[:2] == ["say(1)", "say(3)"]
    assert page.text("#printed") == ["I am here"]
    assert page.text("#time-text")[0].endswith(" of 3 s")
    assert page.text("#memory-text")[0].endswith(" of 64 MB")
    page.look("passed")
    assert page.hand_in("def say(n):\n    return str(n)\n") == "2 of 6 tests passed."
    assert "gave '3' instead of 'Fizz'" in page.text("#tests li[data-state=failed]")[0]
    assert page.text("#output") == []
    page.look("failed")
    page.hand_in("def say(n)\n    return")
    assert "SyntaxError" in page.text("#tests li[data-state=error] pre")[0]
    assert "examinee" not in page.text("#tests")[0]
    page.look("error")
    # another exercise, and back: what was written is still there; and the keys
    page.browser.find_element(By.CSS_SELECTOR, "nav button:last-child").click()
    assert page.text("#title") == ["Primes"]
    page.browser.find_element(By.CSS_SELECTOR, "nav button").click()
    editor = page.browser.find_element(By.ID, "code")
    assert editor.get_attribute("value") == "def say(n)\n    return"
    editor.clear()
    editor.send_keys("def say(n):\n" + Keys.TAB + "return 1" + Keys.CONTROL + Keys.ENTER)
    assert "def say(n):\n    return 1" in editor.get_attribute("value")


HOSTILE = {
    "fork bomb": ("import os\ndef say(n):\n    while True: os.fork()", "", "BlockingIOError"),
    "endless": (
        "def say(n):\n    print('begun')\n    while True: pass",
        "It took longer than 3 seconds, and was ended.",
        "ended here",
    ),
    "memory": (
        "def say(n):\n    return 'x' * 10**9",
        "It took more than 64 MB of memory, and was ended.",
        "ended here",
    ),
    "output": (
        "def say(n):\n    while True: print('all work and no play')",
        "It printed more than anybody can read, and was ended.",
        "ended here",
    ),
    "files": ("def say(n):\n    return open('/etc/shadow').read()", "0 of 6 tests passed.", "FileNotFoundError"),
    "writing": ("def say(n):\n    open('/usr/bin/python3', 'w')", "0 of 6 tests passed.", "not permitted here"),
    "network": (
        "import socket\ndef say(n):\n    socket.create_connection(('192.0.2.1', 80))",
        "0 of 6 tests passed.",
        "not permitted here",
    ),
    "crash": ("import ctypes\ndef say(n):\n    ctypes.string_at(0)", "It has crashed.", "ended here"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_programs(page: Page, name: str) -> None:
    code, banner, shown = HOSTILE[name]
    said = page.hand_in(code)
    page.look(name)
    assert said == banner or not banner
    assert shown in page.text("#tests")[0]
    if name == "endless":
        assert page.text("#printed") == ["begun"]
    assert page.hand_in(RIGHT) == "6 of 6 tests passed."  # and the next one is served


def test_what_a_program_prints_is_no_page(page: Page) -> None:
    attack = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    page.hand_in(
        f"print({attack!r})\ndef say(n):\n    if n == 3: raise ValueError({attack!r})\n    return {attack!r}\n"
    )
    assert page.text("#printed") == [attack]
    assert attack in page.text("#tests")[0]
    assert page.browser.title == "Grader"
    assert page.browser.execute_script("return document.querySelectorAll('.verdict img, .verdict script').length") == 0
