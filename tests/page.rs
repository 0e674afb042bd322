//! The seller's page in a real browser: the whole way from the list to a remix, on a phone and a desk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reprise_servers::{PlatformBehaviour, PlatformServer};
use reprise_tests::chromium::Chromium;
use reprise_tests::shop::{SELLER, SESSION, Shop};
use serde_json::json;

/// A shop with an account on the stand-in of the platform.
fn shop() -> (Shop, PlatformServer) {
    let platform = PlatformServer::start(PlatformBehaviour::default());
    let account = |folder: &Path| {
        let text = format!(
            "[[accounts]]\nname = \"main\"\nseller = \"{SELLER}\"\ntoken_file = \"token\"\naudited = true\napi = \"{}\"\n",
            platform.url()
        );
        std::fs::write(folder.join("accounts.toml"), text).unwrap();
        std::fs::write(folder.join("token"), "act.right").unwrap();
    };
    (Shop::open_with(account, &["--accounts", "FOLDER/accounts.toml"]), platform)
}

/// Pictures of the page for people, where `REPRISE_SHOTS` names a folder.
fn shot(browser: &mut Chromium, name: &str) {
    if let Some(folder) = std::env::var_os("REPRISE_SHOTS") {
        std::fs::create_dir_all(&folder).unwrap();
        browser.screenshot(&PathBuf::from(folder).join(format!("{name}.png")));
    }
}

/// Waits until every video shows a picture.
fn loaded(browser: &mut Chromium) {
    browser.wait("document.querySelector('video')?.readyState >= 2");
    browser.wait("[...document.querySelectorAll('video')].every((video) => video.readyState >= 2)");
}

/// Nothing is wider than the window, every picture has words or none on purpose, every control a name.
#[track_caller]
fn is_well_made(browser: &mut Chromium, page: &str) {
    let faults = browser.eval(
        "(() => {
            const faults = [];
            const wide = document.documentElement.scrollWidth - innerWidth;
            if (wide > 1) faults.push(`wider than the window by ${wide}`);
            for (const img of document.images) if (!img.hasAttribute('alt')) faults.push('a picture without alt');
            for (const control of document.querySelectorAll('input, select, textarea, button, a, progress')) {
                const named = control.getAttribute('aria-label') || control.textContent.trim() || control.labels?.length
                    || control.title || [...control.querySelectorAll('img')].some((img) => img.alt);
                if (!named && !control.closest('[aria-hidden]') && !control.hasAttribute('aria-hidden')) faults.push(`${control.outerHTML.slice(0, 90)} has no name`);
                const box = control.getBoundingClientRect();
                const inText = control.tagName === 'A' && !control.classList.contains('button');
                if (box.height && box.height < 24 && !inText && !['checkbox', 'radio'].includes(control.type) && control.tagName !== 'PROGRESS') faults.push(`${control.outerHTML.slice(0, 90)} is too small to press`);
            }
            if (document.querySelectorAll('h1').length !== 1) faults.push('not one heading');
            return faults;
        })()",
    );
    assert_eq!(faults, json!([]), "{page}");
}

/// Contrast of all texts against what lies behind them (WCAG 2.2, 1.4.3: 4.5 to 1).
#[track_caller]
fn is_readable(browser: &mut Chromium, page: &str) {
    let faults = browser.eval(
        "(() => {
            const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
            const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const behind = (element) => {
                for (let at = element; at; at = at.parentElement) {
                    const colour = parse(getComputedStyle(at).backgroundColor);
                    if (colour.length === 3 || colour[3] === 1) return colour;
                    if (colour[3] > 0) return null;
                }
                return [255, 255, 255];
            };
            const faults = new Set();
            const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (walk.nextNode()) {
                const element = walk.currentNode.parentElement;
                if (!walk.currentNode.textContent.trim() || !element.getClientRects().length || element.closest('noscript, script, option')) continue;
                if (element.closest(':disabled') || element.closest('svg')) continue;
                const [ink, ground] = [parse(getComputedStyle(element).color), behind(element)];
                if (!ground) continue;
                const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x);
                const ratio = (a + 0.05) / (b + 0.05);
                if (ratio < 4.5) faults.add(`${walk.currentNode.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
            }
            return [...faults];
        })()",
    );
    assert_eq!(faults, json!([]), "{page}");
}

#[track_caller]
fn looked_at(browser: &mut Chromium, name: &str) {
    for (device, width, height, phone) in [("phone", 390, 844, true), ("desk", 1280, 860, false)] {
        browser.size(width, height, phone);
        for scheme in ["light", "dark"] {
            browser.likes(scheme);
            is_well_made(browser, name);
            is_readable(browser, name);
            shot(browser, &format!("{name}-{device}-{scheme}"));
        }
    }
    browser.size(390, 844, true);
    browser.likes("light");
}

#[test]
fn a_seller_walks_from_the_list_to_a_remix_and_takes_it_down() {
    let (shop, platform) = shop();
    let mut browser = Chromium::start();
    browser.size(390, 844, true);
    let address = &shop.served.address;
    browser.open(&format!("{address}/"));
    browser.wait("document.querySelector('form.sign input')");
    looked_at(&mut browser, "sign-in");
    browser.write("input[type=password]", "rpk_wrong");
    browser.press("Enter");
    browser.wait("document.querySelector('[role=alert]')");
    // That one was meant to fail.
    browser.errors.clear();
    browser.write("input[type=password]", &shop.key);
    browser.press("Enter");

    browser.wait("document.querySelector('a.live')");
    browser.wait("[...document.images].every((img) => img.complete && img.naturalWidth > 0)");
    looked_at(&mut browser, "lives");
    browser.click("a.live");
    browser.wait("document.querySelector('svg.chart path.area')");
    browser.wait("location.hash === '#live/fixture-evening'");
    looked_at(&mut browser, "live");
    browser.click(".moment a.button");
    loaded(&mut browser);
    looked_at(&mut browser, "clip");

    // What the seller says of it is kept.
    browser.click("button[data-rating=up]");
    browser.wait(
        "document.querySelector('button[data-rating=up]').getAttribute('aria-pressed') === 'true'",
    );
    browser.write("#post input[name=title]", "<img src=x onerror=window.hacked=1>");
    browser.click("#post button.main");
    browser.wait("document.querySelector('h1').textContent.startsWith('<img')");
    assert_eq!(
        browser.eval("window.hacked === undefined && !document.querySelector('h1 img')"),
        json!(true)
    );

    // A part of it, with its own verdicts.
    browser.click("#trim summary");
    browser.eval(
        "(() => { const end = document.querySelector('input[name=trim-end]'); end.value = 6; \
         end.dispatchEvent(new Event('input')); })()",
    );
    browser.wait("document.querySelector('#trim-told .tag')");
    looked_at(&mut browser, "trim");
    browser.click("#trim form button:not([type=button])");
    browser.wait("document.querySelector('#trim').open && document.querySelector('input[name=trim-end]').value === '6'");

    browser.click("#quick-edit");
    browser.wait("document.querySelector('#preview img')?.src.startsWith('blob:')");
    let first = browser.eval("document.querySelector('#preview img').src");
    browser.click("input[name=template][value=night-neon]");
    browser.wait(&format!("document.querySelector('#preview img').src !== {first} && !document.querySelector('#preview.waits')"));
    // A new LIVE to invite to, without leaving.
    browser.eval("(() => { const select = document.querySelector('select[name=plan]'); select.value = '+'; select.dispatchEvent(new Event('change')); })()");
    browser.write("input[name=plan-title]", "Saturday deals");
    browser.eval("document.querySelector('input[name=plan-start]').value = '2030-01-05T19:30'");
    browser.click("#plan-save");
    browser.wait("document.querySelector('select[name=plan]').selectedOptions[0].textContent.includes('Saturday deals')");
    browser.wait("!document.querySelector('#preview.waits')");
    looked_at(&mut browser, "edit");
    // For a post through the platform nothing is promoted.
    browser.eval(
        "(() => { const select = document.querySelector('select[name=target]'); \
         select.value = 'platform_api'; select.dispatchEvent(new Event('change')); })()",
    );
    browser.wait("document.querySelector('input[name=effect-price]').disabled");

    browser.click("#make");
    browser.wait("document.querySelector('progress')");
    is_well_made(&mut browser, "making");
    shot(&mut browser, "making-phone");
    browser.wait_for("location.hash.includes('/remix/')", Duration::from_secs(180));
    browser.wait("document.querySelector('#remix')?.readyState >= 2");
    browser.eval("document.querySelector('#remix').play()");
    browser.wait("document.querySelector('#remix').currentTime > 0.5");
    loaded(&mut browser);
    looked_at(&mut browser, "remix");
    let link = browser.eval("document.querySelector('#download').href");
    let saved = shop.served.get("", link.as_str().unwrap().strip_prefix(address.as_str()).unwrap());
    let saved = saved.expect(200).body;
    assert_eq!(&saved[4..8], b"ftyp");

    browser.click("#post-open");
    browser.wait("document.querySelector('select[name=privacy]').options.length > 1");
    shot(&mut browser, "post-phone");
    // The seller has to choose who may see it.
    browser.click("#post-yes");
    assert!(platform.posts().is_empty());
    browser.eval("document.querySelector('select[name=privacy]').value = 'SELF_ONLY'");
    browser.click("#post-yes");
    browser.wait("document.querySelector('#posts .tag.pass')");
    let posts = platform.posts();
    assert_eq!(posts.len(), 1);
    let post = posts.values().next().unwrap();
    assert!(post.file == saved, "another file was posted");
    assert_eq!(post.about["post_info"]["disable_comment"], true);
    assert_eq!(platform.faults(), Vec::<String>::new());
    looked_at(&mut browser, "posted");

    browser.eval("location.hash = 'live/fixture-evening'");
    browser.click("#takedown");
    browser.wait("document.querySelector('dialog').open");
    shot(&mut browser, "takedown-phone");
    browser.click("#takedown-yes");
    browser.wait("document.querySelector('main p.card')?.textContent.includes('no LIVE yet')");
    assert_eq!(shop.served.get(&shop.key, &format!("/sessions/{SESSION}")).status, 404);
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[test]
fn the_page_is_walked_by_keyboard_and_speaks_indonesian() {
    let (shop, _platform) = shop();
    let mut browser = Chromium::start();
    browser.size(1280, 860, false);
    // The address that `serve` shows signs in, and then holds the key no more.
    browser.open(&format!("{}/#key={}", shop.served.address, shop.key));
    browser.wait("document.querySelector('a.live') && location.hash === ''");
    let tab_to = |browser: &mut Chromium, wanted: &str| {
        for _ in 0..60 {
            browser.press("Tab");
            if browser.eval(&format!("document.activeElement.matches({wanted:?})")) == json!(true) {
                let shown = browser
                    .eval("getComputedStyle(document.activeElement).outlineStyle !== 'none'");
                assert_eq!(shown, json!(true), "{wanted} shows no focus");
                return;
            }
        }
        panic!("Tab does not reach {wanted}");
    };
    tab_to(&mut browser, "a.live");
    browser.press("Enter");
    browser.wait("document.querySelector('svg.chart')");
    // After a new page the focus is in it.
    assert_eq!(browser.eval("document.activeElement.id"), json!("main"));
    tab_to(&mut browser, ".moment a.button");
    browser.press("Enter");
    browser.wait("document.querySelector('#quick-edit')");
    tab_to(&mut browser, "#quick-edit");
    browser.press("Enter");
    browser.wait("document.querySelector('#make')");
    tab_to(&mut browser, "input[name=template]");
    browser.eval("(() => { const select = document.querySelector('header select'); select.value = 'id'; select.dispatchEvent(new Event('change')); })()");
    browser.wait("document.documentElement.lang === 'id' && document.querySelector('#make')?.textContent === 'Buat remix'");
    looked_at(&mut browser, "edit-id");
    browser.eval("location.hash = 'live/fixture-evening'");
    browser.wait("document.querySelector('svg.chart')");
    looked_at(&mut browser, "live-id");
    // No word of the page is left without a translation.
    let missing = browser.eval(
        "import('/words.js').then(({ names }) => ['en', 'id'].map(names)).then(([en, id]) => \
         [...en.filter((name) => !id.includes(name)), ...id.filter((name) => !en.includes(name))])",
    );
    assert_eq!(missing, json!([]));
    assert_eq!(browser.errors, Vec::<String>::new());
}
