//! A page that needs no network: its data, its style and its program in one file.

use serde::Serialize;

/// Colours, light and dark, that all pages share.
const COLOURS: &str = include_str!("colours.css");

/// Fills a page in. It has a place for its style, its program, and its data.
///
/// # Errors
/// The data are none.
pub(super) fn fill(
    page: &str,
    style: &str,
    script: &str,
    data: &impl Serialize,
) -> Result<String, serde_json::Error> {
    // Within a script nothing may look like its end.
    let data = serde_json::to_string(data)?.replace('<', "\\u003c");
    let data = data.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let page = page.replace("/* STYLE */", &[COLOURS, style].concat()).replace("/* SCRIPT */", script);
    Ok(page.replace("/* DATA */", &data))
}
