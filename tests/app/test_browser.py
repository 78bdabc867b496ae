"""The app in a real browser: from a dropped file to a verdict or a refusal on the page."""

import csv
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from doubtful_sheet import doubtful_sheet
from paths import DATA, ROOT

from ecgapp.inference import shipped_models
from ecgapp.synthesis.cases import Case, to_link
from ecgapp.synthesis.samples import draw_sample

KHAN = DATA / "khan"


CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
START_TIMEOUT_S = 90
READ_TIMEOUT_MS = 120_000
CLASS_NAMES = (
    "Normal",
    "Abnormal heartbeat",
    "Myocardial infarction",
    "History of infarction",
)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: install the package 'chromium'"
)
needs_models = pytest.mark.skipif(
    not all(
        (shipped_models.MODELS_FOLDER / name / "model.onnx").exists()
        for name in shipped_models.MODEL_NAMES
    ),
    reason="the models are not in models/ yet",
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as address:
        yield address


@contextmanager
def serving() -> Iterator[str]:
    """Serve the app on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true",
            # A third of what visitors get, so that the test of it need not wait so long.
            "--server.disconnectedSessionTTL=20",
            "--server.address=127.0.0.1", f"--server.port={port}",
        ],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(url: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert server.poll() is None, "the app stopped while it was starting"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the app did not start within {START_TIMEOUT_S} s")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--no-first-run",
            ],
        )  # fmt: skip
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, address):
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.goto(address, timeout=READ_TIMEOUT_MS)
        page.get_by_role("heading", name="Read an ECG sheet").wait_for(timeout=READ_TIMEOUT_MS)
        yield page
        assert page.get_by_test_id("stException").count() == 0
        assert "Traceback" not in page.inner_text("body")


def drop(page, name: str, data: bytes) -> None:
    """Upload one file, as a drop on the uploader does."""
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    )


def verdict_text(page) -> str:
    card = page.locator(".st-key-verdict")
    card.locator("h2").first.wait_for(timeout=READ_TIMEOUT_MS)
    page.get_by_role("heading", name="Probability of each class").wait_for(timeout=READ_TIMEOUT_MS)
    assert page.get_by_text("This file was not read.").count() == 0
    return card.inner_text()


def originals() -> list:
    """Give one original of every label and layout of a 12-lead sheet from the known machine."""
    manifest = KHAN / "manifest.csv"
    if not manifest.exists():
        skip = pytest.mark.skip(reason="the data set is not beside the project")
        return [pytest.param("", "", marks=skip, id="no data")]
    chosen = {}
    with manifest.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            layout = row["layout"].removeprefix("edan_")
            original = KHAN / "originals" / Path(row["file"]).with_suffix(".jpg")
            known = layout in ("3x4", "6x2") and row["label"] != "covid_19"
            if known and original.exists():
                chosen.setdefault((row["label"], layout), original)
    return [
        pytest.param(original, layout, id=f"{label}-{layout}")
        for (label, layout), original in sorted(chosen.items())
    ]


@needs_models
def test_drawn_sheet_gets_a_verdict_with_all_it_rests_on(page):
    drop(page, "drawn.jpg", draw_sample("Normal rhythm"))
    card = verdict_text(page)
    assert any(name.lower() in card.lower() for name in CLASS_NAMES)
    assert "Not a medical device" in page.inner_text("body")
    page.get_by_text("3x4 layout with rhythm strip").wait_for(timeout=READ_TIMEOUT_MS)
    page.get_by_text("The leads by name").click()
    page.get_by_text("aVF", exact=True).nth(1).wait_for(timeout=READ_TIMEOUT_MS)
    page.get_by_role("tab", name="Technical").click()
    page.get_by_text("CRNN alone").wait_for(timeout=READ_TIMEOUT_MS)


@needs_models
@pytest.mark.parametrize(("original", "layout"), originals())
def test_original_of_every_label_and_layout_gets_a_verdict(page, original, layout):
    drop(page, "scan.jpg", original.read_bytes())
    card = verdict_text(page)
    assert any(name.lower() in card.lower() for name in CLASS_NAMES)
    page.get_by_text(f"{layout} layout").first.wait_for(timeout=READ_TIMEOUT_MS)


@needs_models
def test_reading_can_be_downloaded(page):
    drop(page, "drawn.jpg", draw_sample("Fast heart rate"))
    verdict_text(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    text = Path(download.value.path()).read_text("utf-8")
    assert text.startswith("file,page,lead,model,")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download WFDB").click()
    with zipfile.ZipFile(download.value.path()) as record:
        assert "ecg_reading.qrs" in record.namelist()


@needs_models
def test_reading_outlives_a_page_switch_back_and_a_reload_and_nothing_comes_from_elsewhere(
    page, address
):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    drop(page, "kept.jpg", draw_sample("Normal rhythm"))
    verdict_text(page)
    page.get_by_role("link", name="About").click()
    page.get_by_role("heading", name="About", exact=True).wait_for(timeout=READ_TIMEOUT_MS)
    page.go_back()
    verdict_text(page)
    page.reload()
    verdict_text(page)
    assert page.get_by_text("kept.jpg").count() >= 1
    assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    # Another tab of the same browser has readings of its own.
    other = page.context.new_page()
    other.goto(address, timeout=READ_TIMEOUT_MS)
    other.get_by_text("What happens to a sheet").wait_for(timeout=READ_TIMEOUT_MS)


@needs_models
def test_verdict_is_on_the_first_screen_of_a_phone(page):
    page.set_viewport_size({"width": 400, "height": 800})
    drop(page, "drawn.jpg", draw_sample("Normal rhythm"))
    verdict_text(page)
    caption = page.get_by_test_id("stCaptionContainer").first
    assert caption.evaluate("e => getComputedStyle(e).opacity") == "0.85"
    box = page.locator(".st-key-verdict").bounding_box()
    assert box["y"] + box["height"] < 800
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


@needs_models
def test_sheet_is_zoomed_measured_and_a_lead_is_shown_enlarged(page):
    drop(page, "drawn.jpg", draw_sample("Normal rhythm"))
    verdict_text(page)
    view = page.locator(".sheet-view")
    svg = view.locator("svg")
    whole = svg.get_attribute("viewBox").split()
    view.get_by_role("button", name="Larger").click()
    assert float(svg.get_attribute("viewBox").split()[2]) < float(whole[2])
    view.get_by_role("button", name="Fit").click()
    assert svg.get_attribute("viewBox").split() == whole
    view.get_by_role("button", name="Traced").click()
    assert view.locator("path.curve").count() == 13
    # Calipers by the keyboard: to the right is later, up is more.
    view.get_by_role("button", name="Measure").click()
    said = view.locator(".said")
    assert "500 ms (120/min) +0.50 mV" in said.inner_text()
    view.get_by_role("button", name="Caliper, second point").focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    ms, mv = said.inner_text().split(" ms ")[0], said.inner_text().split("+")[1].split(" mV")[0]
    assert int(ms) > 550
    assert float(mv) > 0.55
    view.get_by_role("button", name="Measure").click()
    view.get_by_role("button", name="Lead V3").press("Enter")
    lead = page.locator(".st-key-lead_shown")
    lead.get_by_text("Without V3 the networks would").wait_for(timeout=READ_TIMEOUT_MS)
    lead.get_by_alt_text("The typical beat of lead V3 with the ends of its waves").wait_for()
    assert view.get_by_role("button", name="Lead V3").get_attribute("aria-pressed") == "true"


@needs_models
def test_names_and_curves_are_corrected_on_the_sheet_and_said_to_be_set_by_hand(page):
    drop(page, "drawn.jpg", draw_sample("Normal rhythm"))
    verdict_text(page)
    view = page.locator(".sheet-view")
    view.get_by_role("button", name="Correct", exact=True).click()
    assert view.get_by_role("button", name="Read again").is_disabled()
    view.locator("[data-lead=V5]").click()
    view.get_by_label("This is lead").select_option("V6")
    view.get_by_role("button", name="Erase").click()
    view.locator("[data-lead=aVL]").press("Enter")
    view.get_by_role("button", name="Erased part of aVL, point 2").press("ArrowLeft")
    view.get_by_role("button", name="Draw").click()
    box = view.locator("[data-lead=V4]").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 40, steps=8)
    page.mouse.up()
    view.get_by_role("button", name="Read again").click()
    said = page.get_by_text("Set by hand: names of V5 and V6 exchanged, a part of V4 drawn, ")
    said.wait_for(timeout=READ_TIMEOUT_MS)
    assert "a part of aVL erased" in said.inner_text()
    page.get_by_role("button", name="Undo the correction").click()
    said.wait_for(state="detached", timeout=READ_TIMEOUT_MS)


@needs_models
def test_corners_are_dragged_on_the_sheet(page):
    drop(page, "drawn.jpg", draw_sample("Normal rhythm"))
    verdict_text(page)
    view = page.locator(".sheet-view")
    view.get_by_role("button", name="Correct", exact=True).click()
    view.get_by_role("button", name="Corners").click()
    corner = view.get_by_role("button", name="Top left corner").locator("circle").first
    before = corner.bounding_box()
    x, y = before["x"] + before["width"] / 2, before["y"] + before["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 4, y - 15, steps=4)
    page.mouse.up()
    after = corner.bounding_box()
    assert round(after["y"] - before["y"]) == -15
    view.get_by_role("button", name="Read again").click()
    page.get_by_text("Set by hand: corners of the curves.").wait_for(timeout=READ_TIMEOUT_MS)


@needs_models
def test_a_doubtful_layout_is_read_at_a_click(page):
    drop(page, "doubtful.png", doubtful_sheet())
    page.get_by_role("button", name="Yes: 3x4-cabrera, 1 rhythm strip").click(
        timeout=READ_TIMEOUT_MS
    )
    page.get_by_text("Set by hand: layout 3x4-cabrera.").wait_for(timeout=READ_TIMEOUT_MS)


def test_the_browsers_language_is_spoken_and_shown_as_chosen(browser, address):
    with browser.new_context(locale="de-DE") as context:
        visitor = context.new_page()
        visitor.goto(address)
        visitor.get_by_role("heading", name="Ein EKG-Blatt lesen").wait_for()
        # The page runs once more when the tab has told its number.
        visitor.wait_for_timeout(2000)
        assert visitor.get_by_role("radio", name="DE").is_checked()


@needs_models
def test_pictures_are_gone_soon_after_a_visitor_has_left(browser, address):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address, timeout=READ_TIMEOUT_MS)
        page.get_by_role("heading", name="Read an ECG sheet").wait_for(timeout=READ_TIMEOUT_MS)
        drop(page, "drawn.jpg", draw_sample("Normal rhythm"))
        verdict_text(page)
        page.get_by_text("The leads by name").click()
        image = page.get_by_test_id("stImage").locator("img").first
        picture = image.evaluate("image => image.src")
    assert is_served(picture)
    deadline = time.monotonic() + 120
    while is_served(picture):
        assert time.monotonic() < deadline
        time.sleep(3)


def is_served(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status == 200
    except urllib.error.HTTPError:
        return False


@pytest.mark.parametrize(
    ("name", "data"),
    [("notes.jpg", b"These are words and no picture."), ("empty.png", b"\0" * 2000)],
    ids=["text named jpg", "zero bytes"],
)
def test_bad_file_is_refused_on_the_page(page, name, data):
    drop(page, name, data)
    refusal = page.get_by_text("This file was not read.")
    refusal.wait_for(timeout=READ_TIMEOUT_MS)
    assert "Reason code" in page.inner_text("body")
    assert page.locator(".st-key-verdict").count() == 0


def test_every_page_opens_from_the_menu_and_fits_a_phone(page):
    for name in ("Evaluation", "About", "Diagnose"):
        title = "Read an ECG sheet" if name == "Diagnose" else name
        heading = page.get_by_role("heading", name=title, exact=True)
        # A click while the page is still being drawn may be lost.
        page.locator("[data-test-script-state=notRunning]").wait_for(timeout=READ_TIMEOUT_MS)
        page.get_by_role("link", name=name, exact=True).click()
        heading.wait_for(timeout=READ_TIMEOUT_MS)
        page.set_viewport_size({"width": 400, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        page.set_viewport_size({"width": 1280, "height": 900})


def test_a_page_asked_for_while_the_first_one_settles_stays(browser, address):
    with browser.new_context() as context:
        page = context.new_page()
        # The page asks the browser for a number just before it tells the server of itself.
        page.add_init_script("""
            const draw = crypto.getRandomValues.bind(crypto);
            crypto.getRandomValues = (bytes) => {
              const link = [...document.querySelectorAll("a[href$='/evaluation']")].pop();
              if (link && !window.pressed) {
                window.pressed = true;
                link.click();
              }
              return draw(bytes);
            };
        """)
        page.goto(address, timeout=READ_TIMEOUT_MS)
        heading = page.get_by_role("heading", name="Evaluation", exact=True)
        heading.wait_for(timeout=READ_TIMEOUT_MS)
        # The answer of the page that was left would arrive about now.
        page.wait_for_timeout(1500)
        assert heading.is_visible()
        assert page.evaluate("window.pressed")


def test_first_link_to_a_fresh_server_opens_what_it_names(browser):
    link = to_link([Case(rhythm="atrial_fibrillation", seed=3)])
    with serving() as fresh, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{fresh}/teach?case={link}", timeout=READ_TIMEOUT_MS)
        page.get_by_text("Drawn: Atrial fibrillation").wait_for(timeout=READ_TIMEOUT_MS)


@needs_models
def test_a_pressed_cell_of_the_confusion_matrix_lists_its_sheets(browser, address):
    page = browser.new_page()
    page.goto(f"{address}/evaluation", timeout=READ_TIMEOUT_MS)
    cell = page.locator("button[data-cell='2,0']")
    cell.click(timeout=READ_TIMEOUT_MS)
    said = (
        f"Labelled myocardial infarction, read as normal: {cell.locator('b').inner_text()} sheets"
    )
    page.get_by_text(said).wait_for(timeout=READ_TIMEOUT_MS)
    assert cell.get_attribute("aria-pressed") == "true"
    page.close()


def drop_folder(zone, folder: Path) -> None:
    """Drop a folder of this machine on part of a page, as from a file manager."""
    zone.scroll_into_view_if_needed()
    box = zone.bounding_box()
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    dragged = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    protocol = zone.page.context.new_cdp_session(zone.page)
    for kind in ("dragEnter", "dragOver", "drop"):
        protocol.send("Input.dispatchDragEvent", {"type": kind, **at, "data": dragged})


@needs_models
def test_a_dropped_folder_keeps_the_names_of_its_folders(browser, address, tmp_path):
    page = browser.new_page()
    page.goto(f"{address}/evaluate_your_own", timeout=READ_TIMEOUT_MS)
    for name in ("normal/1.jpg", "mi/2.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(draw_sample("Normal rhythm"))
    zone = page.get_by_test_id("stFileUploaderDropzone")
    zone.wait_for(timeout=READ_TIMEOUT_MS)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=READ_TIMEOUT_MS)
    drop_folder(zone, tmp_path)
    page.get_by_role("heading", name="File by file").wait_for(timeout=READ_TIMEOUT_MS)
    # The same picture in folders of two classes: told only where folders' names are kept.
    page.get_by_text("Pictures in folders of several classes: 1").wait_for()
    page.close()
