//! A page that needs no network: its data, its style and its program in one file.

use serde::Serialize;

/// Colours, light and dark, that all pages share.
const COLOURS: &str = include_str!("colours.css");

/// What is the same in all pages, with places for the rest.
const FRAME: &str = include_str!("frame.html");

/// What makes a page its own.
pub(super) struct Page {
    pub(super) title: &'static str,
    pub(super) body: &'static str,
    pub(super) style: &'static str,
    /// In the order in which they are needed.
    pub(super) scripts: &'static [&'static str],
}

/// A page with its data.
///
/// # Errors
/// The data are none.
pub(super) fn fill(
    &Page { title, body, style, scripts }: &Page,
    data: &impl Serialize,
) -> Result<String, serde_json::Error> {
    // Within a script nothing may look like its end.
    let data = serde_json::to_string(data)?.replace('<', "\\u003c");
    let data = data.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let page = FRAME.replace("/* TITLE */", title).replace("/* BODY */", body);
    let page = page.replace("/* STYLE */", &[COLOURS, style].concat());
    let page = page.replace("/* SCRIPT */", &scripts.concat());
    Ok(page.replace("/* DATA */", &data))
}
