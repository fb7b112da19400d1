//! The HTML report in a real browser.

#[path = "support/browser.rs"]
mod browser;
#[path = "support/generated.rs"]
mod generated;

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use browser::{browser, dump, mark, place, say};
use sha2::{Digest as _, Sha256};
use slotbench::model::Run;
use slotbench::percentiles::Curves;
use slotbench::report::html;

/// Writes a page to where it can be looked at.
fn write(name: &str, (run, curves): &(Run, Curves)) -> PathBuf {
    let path = place(name);
    fs::write(&path, html(run, curves).expect("fits in memory")).expect("writes");
    path
}

#[test]
fn the_page_draws_everything_without_an_error_or_a_network() {
    let Some(browser) = browser("the_page_draws_everything_without_an_error_or_a_network") else { return };
    let page = write("page.html", &generated::run(&[1, 4, 25, 100], &["1KiB"]));
    for width in ["--window-size=1400,1000", "--window-size=380,800"] {
        let dom = dump(&browser, &page, &[width]);
        assert_eq!((mark(&dom, "data-errors"), mark(&dom, "data-ready").is_some()), (None, true), "{width}");
        assert_eq!(mark(&dom, "data-overflow"), None, "{width}: the page scrolls sideways");
        let charts =
            ["decision-grid", "heat", "pareto-chart", "percentile-chart", "time-chart", "stage-bars", "scaling-chart"];
        for class in charts {
            assert!(dom.contains(&format!("{class}\"")), "{width}: no {class}");
        }
        assert!(dom.contains("did not keep up with the rate in 2 of 3 rounds") && dom.contains("slot 17 is missing"));
        assert!(!dom.contains("<b id=\"injected\">") && !dom.contains("<img"), "a reason became markup");
        assert!(!dom.contains("<title>broken"), "a name became a script");
    }
}

#[test]
fn everything_can_be_pressed_read_and_filtered() {
    let Some(browser) = browser("everything_can_be_pressed_read_and_filtered") else { return };
    let page = write("pressed.html", &generated::run(&[1, 4, 25], &["1KiB", "16KiB"]));
    let text = fs::read_to_string(&page).expect("is there");
    let script = include_str!("support/press.js");
    let hash = format!("script-src 'sha256-{}' ", STANDARD.encode(Sha256::digest(script)));
    let text =
        text.replacen("script-src ", &hash, 1).replacen("</body>", &format!("<script>{script}</script></body>"), 1);
    fs::write(&page, text).expect("writes");
    let dom = dump(&browser, &page, &["--window-size=1400,1000"]);
    assert_eq!((mark(&dom, "data-errors"), mark(&dom, "data-pressed").as_deref()), (None, Some("everything")));
}

#[test]
fn a_run_in_which_nothing_was_measured_is_drawn_too() {
    let Some(browser) = browser("a_run_in_which_nothing_was_measured_is_drawn_too") else { return };
    let (mut run, _) = generated::run(&[1], &["1KiB"]);
    run.cells.truncate(1);
    (run.saturation, run.scaling) = (Vec::new(), Vec::new());
    let dom = dump(&browser, &write("refused.html", &(run.clone(), Curves::new())), &[]);
    assert_eq!((mark(&dom, "data-errors"), mark(&dom, "data-ready").is_some()), (None, true));
    assert!(dom.contains("fs cannot do this &lt;/script&gt;&lt;b id=injected&gt;"));
    run.cells.clear();
    let dom = dump(&browser, &write("empty.html", &(run, Curves::new())), &[]);
    assert_eq!((mark(&dom, "data-errors"), mark(&dom, "data-ready").is_some()), (None, true));
}

#[test]
fn a_script_that_fails_is_seen() {
    let Some(browser) = browser("a_script_that_fails_is_seen") else { return };
    let page = write("broken.html", &generated::run(&[1], &["1KiB"]));
    let text = fs::read_to_string(&page).expect("is there");
    // The policy still names the old script, so the browser must refuse the changed one.
    fs::write(&page, text.replacen("'use strict';", "'use strict'; ", 1)).expect("writes");
    let dom = dump(&browser, &page, &[]);
    assert_eq!(mark(&dom, "data-ready"), None, "a foreign script ran");
    // Data that the script cannot read.
    fs::write(&page, text.replacen("\"cells\":", "\"sells\":", 1)).expect("writes");
    let dom = dump(&browser, &page, &[]);
    assert!(mark(&dom, "data-errors").is_some(), "an error left no mark");
}

/// Prints how long a page of 2,000 cells takes from its first byte to the first frame with everything in it.
#[test]
fn two_thousand_cells_open() {
    let Some(browser) = browser("two_thousand_cells_open") else { return };
    let workers: Vec<u32> = (1..=25).collect();
    let generated = generated::run(&workers, &["256B", "1KiB", "4KiB", "16KiB", "64KiB"]);
    assert_eq!(generated.0.cells.len(), 2000);
    let page = write("2000.html", &generated);
    let dom = dump(&browser, &page, &["--window-size=1400,1000"]);
    assert_eq!((mark(&dom, "data-errors"), mark(&dom, "data-cells").as_deref()), (None, Some("2000")));
    let size = fs::metadata(&page).expect("is there").len();
    let ready = mark(&dom, "data-ready").expect("was drawn");
    say(&format!("2,000 cells: {:.1} MB, drawn after {ready} ms", size as f64 / 1e6));
}
