//! A real Chromium without a window, driven over the pipe of its DevTools protocol.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Nothing that talks to anybody but the page's own hosts; `*.test` is this machine.
const FLAGS: &str = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync --no-proxy-server \
    --disable-dev-shm-usage --remote-debugging-pipe";

/// One browser with one tab and an empty profile; ends when dropped.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    asked: u64,
    session: Option<String>,
    /// What its user types into the browser's own password dialog.
    password: Option<(String, String)>,
    /// Whether that dialog came up.
    pub was_asked: bool,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().expect("an empty profile");
        // The protocol is spoken on the descriptors 3 and 4.
        let script = format!(
            "exec chromium {FLAGS} '--host-resolver-rules=MAP *.test 127.0.0.1' --user-data-dir=\"$0\" \
             about:blank 3<&0 4>&1 </dev/null >/dev/null 2>&1"
        );
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .arg(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("chromium starts: run scripts/install-missing test");
        let to = child.stdin.take().expect("a pipe");
        let from = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut browser = Self {
            child,
            to,
            from,
            asked: 0,
            session: None,
            password: None,
            was_asked: false,
            _profile: profile,
        };
        let tab = browser.call("Target.createTarget", json!({"url": "about:blank"})).await;
        let attach = json!({"targetId": tab["targetId"], "flatten": true});
        let tab = browser.call("Target.attachToTarget", attach).await;
        browser.session = tab["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.enable", json!({})).await;
        browser.call("Fetch.enable", json!({"handleAuthRequests": true})).await;
        browser
    }

    /// From now on its user answers the browser's own password dialog with this.
    pub fn knows(&mut self, user: &str, password: &str) {
        self.password = Some((user.into(), password.into()));
    }

    /// Whether scripts of pages that are opened from now on may do what their own policy forbids.
    pub async fn lets_scripts(&mut self, all: bool) {
        self.call("Page.setBypassCSP", json!({"enabled": all})).await;
    }

    /// Opens `url` and waits until a page at `end` is there, wherever scripts and forms lead; the
    /// status that page was answered with.
    pub async fn open(&mut self, url: &str, end: &str) -> u64 {
        let done = self.call("Page.navigate", json!({"url": url})).await;
        assert!(done["errorText"].is_null(), "{url}: {done}");
        self.arrive(end).await
    }

    /// Waits for a whole page whose address begins with `at`; its status.
    pub async fn arrive(&mut self, at: &str) -> u64 {
        let look = "[document.readyState, location.href, \
                     (performance.getEntriesByType('navigation')[0] || {}).responseStatus]";
        loop {
            let seen = self.evaluate(look).await.unwrap_or_default();
            let there = seen[1].as_str().is_some_and(|address| address.starts_with(at));
            if seen[0] == "complete" && there {
                return seen[2].as_u64().unwrap_or_default();
            }
            let event = self.read().await;
            self.react(&event).await;
        }
    }

    /// What `script` comes to in the page; promises are waited for. `None`: the page went away meanwhile.
    pub async fn evaluate(&mut self, script: &str) -> Option<Value> {
        let asked = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let id = self.send("Runtime.evaluate", asked).await;
        let mut answer = self.answer_to(id).await;
        let done = answer["result"].take();
        assert!(done["exceptionDetails"].is_null(), "{script}: {done}");
        (!done["result"].is_null()).then(|| done["result"]["value"].clone())
    }

    /// The text that a reader sees.
    pub async fn text(&mut self) -> String {
        let text = self.evaluate("document.body ? document.body.innerText : ''").await.unwrap_or_default();
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Logs in by the form of `home` and comes to its first page.
    pub async fn log_in(&mut self, home: &str, user: &str, password: &str) {
        self.open(&format!("{home}/+login"), home).await;
        self.fill("input[name=user]", user).await;
        self.fill("input[name=password]", password).await;
        self.click("form.login button").await;
        self.sees(&format!("logged in as {user}")).await;
    }

    /// Types into a field instead of what is there.
    pub async fn fill(&mut self, selector: &str, text: &str) {
        let found = json!(selector);
        let unfold =
            "for (let d = f.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;";
        let focus =
            format!("{{ const f = document.querySelector({found}); {unfold} f.focus(); f.select?.(); }}");
        self.evaluate(&focus).await;
        self.call("Input.insertText", json!({"text": text})).await;
    }

    /// Clicks on the first that fits, in whatever fold it is.
    pub async fn click(&mut self, selector: &str) {
        let found = json!(selector);
        let unfold =
            "for (let d = f.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;";
        let click = format!("{{ const f = document.querySelector({found}); {unfold} f.click(); }}");
        self.evaluate(&click).await;
    }

    /// Waits until `script` is true in the page, whichever it comes to be.
    pub async fn until(&mut self, script: &str) {
        for _ in 0..3000 {
            let script = format!("Boolean(document.body && ({script}))");
            if self.evaluate(&script).await == Some(Value::Bool(true)) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("never true: {script}\n{}", self.text().await);
    }

    /// Waits until a reader sees this text.
    pub async fn sees(&mut self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(text))).await;
    }

    /// Chooses files in the chooser that the field opens.
    pub async fn choose(&mut self, selector: &str, files: &[&std::path::Path]) {
        let document = self.call("DOM.getDocument", json!({})).await;
        let found = json!({"nodeId": document["root"]["nodeId"], "selector": selector});
        let node = self.call("DOM.querySelector", found).await;
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let chosen = json!({"nodeId": node["nodeId"], "files": files});
        self.call("DOM.setFileInputFiles", chosen).await;
    }

    /// Drops a file on an element.
    pub async fn drop_file(&mut self, selector: &str, name: &str, bytes: &[u8]) {
        use base64::Engine as _;
        let bytes = json!(base64::prelude::BASE64_STANDARD.encode(bytes));
        let (found, name) = (json!(selector), json!(name));
        let drop = format!(
            "{{ const files = new DataTransfer(), bytes = Uint8Array.from(atob({bytes}), l => l.charCodeAt(0));
            files.items.add(new File([bytes], {name}));
            for (const type of ['dragover', 'drop']) document.querySelector({found}).dispatchEvent(
                new DragEvent(type, {{dataTransfer: files, bubbles: true, cancelable: true}})); }}"
        );
        self.evaluate(&drop).await;
    }

    /// Whether pages that are opened from now on may run scripts; what a test evaluates runs in any case.
    pub async fn runs_scripts(&mut self, may: bool) {
        self.call("Emulation.setScriptExecutionDisabled", json!({"value": !may})).await;
    }

    /// The width of the window, in pixels of the page.
    pub async fn is_wide(&mut self, width: u32) {
        let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Its user's time zone: `Asia/Kolkata`.
    pub async fn lives_in(&mut self, zone: &str) {
        self.call("Emulation.setTimezoneOverride", json!({"timezoneId": zone})).await;
    }

    /// What its user prefers: `light` or `dark`.
    pub async fn prefers(&mut self, mode: &str) {
        let mood = json!({"features": [{"name": "prefers-color-scheme", "value": mode}]});
        self.call("Emulation.setEmulatedMedia", mood).await;
    }

    /// Keeps two pictures of the page, light and dark, in the folder that `WHEELWRIGHT_SCREENSHOTS` names, if it does.
    pub async fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("WHEELWRIGHT_SCREENSHOTS") else { return };
        self.is_wide(1280).await;
        for mode in ["light", "dark"] {
            self.prefers(mode).await;
            self.taken(&std::path::Path::new(&folder).join(format!("{name}-{mode}.png")), false).await;
        }
    }

    /// Keeps a picture of what the window shows, or of the whole page.
    pub async fn taken(&mut self, path: &std::path::Path, whole: bool) {
        use base64::Engine as _;
        let how = json!({"format": "png", "captureBeyondViewport": whole});
        let taken = self.call("Page.captureScreenshot", how).await;
        let bytes = base64::prelude::BASE64_STANDARD.decode(taken["data"].as_str().unwrap_or_default());
        std::fs::write(path, bytes.expect("base64")).expect("a picture");
    }

    async fn call(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.send(method, parameters).await;
        let mut answer = self.answer_to(id).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }

    async fn send(&mut self, method: &str, parameters: Value) -> u64 {
        self.asked += 1;
        let mut message = json!({"id": self.asked, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).await.expect("chromium listens");
        self.asked
    }

    async fn answer_to(&mut self, id: u64) -> Value {
        loop {
            let message = self.read().await;
            if message["id"] == id {
                return message;
            }
            self.react(&message).await;
        }
    }

    async fn read(&mut self) -> Value {
        let mut line = Vec::new();
        self.from.read_until(0, &mut line).await.expect("chromium speaks");
        assert_eq!(line.pop(), Some(0), "chromium ended: {:?}", self.child.try_wait());
        serde_json::from_slice(&line).expect("JSON")
    }

    /// Lets every request pass; answers the password dialog as its user would.
    async fn react(&mut self, event: &Value) {
        let request = &event["params"]["requestId"];
        match event["method"].as_str() {
            Some("Fetch.requestPaused") => {
                self.send("Fetch.continueRequest", json!({"requestId": request})).await;
            }
            Some("Fetch.authRequired") => {
                self.was_asked = true;
                let answer = self.password.as_ref().map_or(
                    json!({"response": "CancelAuth"}),
                    |(user, password)| json!({"response": "ProvideCredentials", "username": user, "password": password}),
                );
                let answer = json!({"requestId": request, "authChallengeResponse": answer});
                self.send("Fetch.continueWithAuth", answer).await;
            }
            _ => {}
        }
    }
}

/// Pages of another site, by path; ends when dropped.
pub struct Site {
    pub port: u16,
    serving: tokio::task::JoinHandle<()>,
}

impl Site {
    pub async fn start(pages: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let pages: HashMap<&'static str, String> = pages.into_iter().collect();
        let answer = move |uri: http::Uri| {
            let page = pages.get(uri.path()).cloned().unwrap_or_default();
            async move { axum::response::Html(page) }
        };
        let router = axum::Router::new().fallback(answer);
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the site serves");
        });
        Self { port, serving }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
