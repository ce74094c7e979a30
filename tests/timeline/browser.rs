//! A browser without a window, driven by the WebDriver protocol: JSON over HTTP/1.1 to a driver of our own.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

/// One answer of a driver takes no longer, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(120);

const WINDOW: (u32, u32) = (1500, 950);

const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// A browser with one page. It ends when it is dropped.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    /// Its profile, which goes with it.
    _profile: tempfile::TempDir,
}

/// Whether there is one on this machine.
pub(crate) fn is_installed() -> bool {
    ["chromium", "chromedriver"].iter().all(|name| {
        let silent = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        silent.is_ok_and(|status| status.success())
    })
}

impl Browser {
    pub(crate) fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let port = port_of(&mut driver);
        let profile = tempfile::tempdir().expect("a folder for its profile");
        let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        flags.push(format!("--window-size={},{}", WINDOW.0, WINDOW.1));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": flags },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let answer = request(port, "POST", "/session", Some(&wanted));
        let session = answer["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {answer}"));
        Self { driver, port, session: session.to_owned(), _profile: profile }
    }

    /// Loads a file, and returns when it is loaded.
    pub(crate) fn open(&self, file: &Path) {
        self.post("url", &json!({ "url": format!("file://{}", file.display()) }));
    }

    /// The value of an expression; a promise is waited for.
    pub(crate) fn value(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        self.post("execute/sync", &json!({ "script": script, "args": [] }))
    }

    pub(crate) fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.post(&format!("element/{element}/click"), &json!({}));
    }

    /// Types into an element.
    pub(crate) fn write(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.post(&format!("element/{element}/value"), &json!({ "text": text }));
    }

    /// Clicks at a point of the window.
    pub(crate) fn click_at(&self, (x, y): (i64, i64)) {
        let steps = json!([
            { "type": "pointerMove", "duration": 0, "x": x, "y": y },
            { "type": "pointerDown", "button": 0 },
            { "type": "pointerUp", "button": 0 },
        ]);
        self.act(&json!({ "type": "pointer", "id": "mouse", "actions": steps }));
    }

    /// Turns the wheel at a point of the window, upwards if `by` is negative.
    pub(crate) fn wheel(&self, (x, y): (i64, i64), by: i64) {
        let scroll = json!([{ "type": "scroll", "duration": 0, "x": x, "y": y, "deltaX": 0, "deltaY": by }]);
        self.act(&json!({ "type": "wheel", "id": "wheel", "actions": scroll }));
    }

    /// Presses a key.
    pub(crate) fn press(&self, key: &str) {
        let steps = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.act(&json!({ "type": "key", "id": "keyboard", "actions": steps }));
    }

    /// What the page wrote to its console since it was last asked, errors of scripts among it.
    pub(crate) fn console(&self) -> Vec<String> {
        let logged = self.post("se/log", &json!({ "type": "browser" }));
        let lines = logged.as_array().cloned().unwrap_or_default();
        lines.iter().map(|line| format!("{}: {}", line["level"], line["message"])).collect()
    }

    /// What is seen, as a PNG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let path = format!("/session/{}/screenshot", self.session);
        decoded(request(self.port, "GET", &path, None).as_str().expect("a picture"))
    }

    fn find(&self, selector: &str) -> String {
        let found = self.post("element", &json!({ "using": "css selector", "value": selector }));
        let name = found.as_object().and_then(|found| found.values().next()?.as_str());
        name.unwrap_or_else(|| panic!("no {selector}: {found}")).to_owned()
    }

    fn act(&self, source: &Value) {
        self.post("actions", &json!({ "actions": [source] }));
    }

    fn post(&self, command: &str, body: &Value) -> Value {
        request(self.port, "POST", &format!("/session/{}/{command}", self.session), Some(body))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            request(self.port, "DELETE", &format!("/session/{}", self.session), None);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A driver that may choose its port says which one it took.
fn port_of(driver: &mut Child) -> u16 {
    let mut said = BufReader::new(driver.stdout.take().expect("it is a pipe")).lines();
    let line =
        said.find_map(|line| line.ok().filter(|line| line.contains("on port") && line.contains("success")));
    // What it says later is nobody's business, but must not fill the pipe.
    std::thread::spawn(move || said.for_each(drop));
    let line = line.expect("it says its port");
    let digits = line.trim_end_matches('.').rsplit(' ').next().expect("a line has words");
    digits.parse().unwrap_or_else(|_| panic!("no port: {line}"))
}

/// One request on a connection of its own. Returns the value that is answered.
fn request(port: u16, method: &str, path: &str, body: Option<&Value>) -> Value {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the driver listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a span of time");
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).expect("the driver reads");
    let answer = answer_of(BufReader::new(stream)).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    let value = &answer["value"];
    assert!(value["error"].is_null(), "{method} {path} {body:.200}: {value:#}");
    value.clone()
}

/// The body of an answer that says how long it is.
fn answer_of(mut stream: impl BufRead) -> std::io::Result<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().expect("a number");
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}

/// Of base64.
fn decoded(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter_map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    });
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for digit in digits {
        (bits, held) = ((bits << 6) | u32::from(digit), held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}
