"""Opens /docs in a real browser, creates a user through "Try it out", and takes a picture of the answer.

usage: swagger_ui.py BROWSER BASE_URL PICTURE
"""

import sys

from playwright.sync_api import expect, sync_playwright

browser_path, base, picture = sys.argv[1:]

with sync_playwright() as playwright:
    # root has no sandbox of its own in a container, and a browser without a network need not look for updates
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    browser = playwright.chromium.launch(executable_path=browser_path, args=quiet)
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{base}/docs", wait_until="networkidle")

    operation = page.locator("#operations-users-create_user")
    operation.locator(".opblock-summary").click()
    # "Try it out" is on from the start: the button beside the parameters reads "Cancel"
    operation.get_by_role("button", name="Execute").click()
    status = operation.locator(".live-responses-table tbody .response-col_status").first
    expect(status).to_contain_text("201", timeout=30_000)
    operation.locator(".live-responses-table").scroll_into_view_if_needed()
    page.screenshot(path=picture)
    browser.close()

if complaints:
    sys.exit("the browser's console shows errors:\n" + "\n".join(complaints))
print("created a user through Try it out")
