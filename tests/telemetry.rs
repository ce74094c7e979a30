//! What programs tell of themselves, as real tools ask for it: metrics, health, logs, notices to systemd.
#![cfg(all(unix, not(madsim)))]

mod programs;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::TcpStream,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use conclave::wire::pb::{
    etcdserverpb::{PutRequest, RangeRequest, kv_client::KvClient},
    health::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient},
};
use nix::sys::signal::Signal;
use programs::*;

/// Three nodes and a proxy, each with an address for its metrics.
struct Cluster {
    directory: tempfile::TempDir,
    base_port: u16,
    nodes: BTreeMap<u16, Program>,
    proxy: Option<Program>,
}

impl Cluster {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a scratch directory");
        Self { directory, base_port: free_ports(8), nodes: BTreeMap::new(), proxy: None }
    }

    fn ready() -> Self {
        let mut cluster = Self::new();
        (1..=3).for_each(|id| cluster.start_node(id));
        cluster.start_proxy();
        cluster.await_ready(0);
        cluster
    }

    fn address(&self, id: u16) -> String {
        format!("127.0.0.1:{}", self.base_port + id)
    }

    /// Of node `id`; 0 is the proxy.
    fn metrics_address(&self, id: u16) -> String {
        self.address(4 + id)
    }

    fn start_node(&mut self, id: u16) {
        let peers: Vec<String> = (1..=3).map(|peer| format!("{peer}={}", self.address(peer))).collect();
        let data_dir = self.directory.path().join(format!("node-{id}"));
        let line = format!(
            "node --id {id} --listen {} --peers {} --data-dir {} --metrics-listen {}",
            self.address(id),
            peers.join(","),
            data_dir.display(),
            self.metrics_address(id)
        );
        self.nodes.insert(id, Program::start(&line));
    }

    fn start_proxy(&mut self) {
        let nodes: Vec<String> = (1..=3).map(|id| self.address(id)).collect();
        let (listen, metrics) = (self.address(0), self.metrics_address(0));
        let nodes = nodes.join(",");
        let line = format!("proxy --listen {listen} --nodes {nodes} --metrics-listen {metrics}");
        self.proxy = Some(Program::start(&line));
    }

    fn await_ready(&self, id: u16) {
        let address = self.metrics_address(id);
        eventually("ready", || http_get(&address, "/readyz").is_some_and(|(status, _)| status == 200));
    }

    fn metrics(&self, id: u16) -> String {
        let (status, text) = http_get(&self.metrics_address(id), "/metrics").expect("it is served");
        assert_eq!(status, 200, "{text}");
        text
    }
}

/// Names of metrics in Prometheus's text, without what it adds to those of histograms.
fn names(text: &str) -> BTreeSet<String> {
    let declared = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    declared.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// The value of a series that is written so.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// All that words of a text, made of what names are made of, call `conclave_*` or `process_*`.
fn mentioned(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let words = words.filter(|word| word.starts_with("conclave_") || word.starts_with("process_"));
    words
        .map(|word| {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
            base.filter(|base| base.ends_with("_seconds")).unwrap_or(word).to_owned()
        })
        .collect()
}

#[test]
fn what_is_exposed_is_described_and_what_is_asked_for_is_exposed() {
    let cluster = Cluster::ready();
    let endpoint = cluster.address(0);
    for number in 0..20 {
        succeed(&format!("put key-{number} value --endpoints {endpoint}"));
        succeed(&format!("get key-{number} --endpoints {endpoint}"));
    }
    let (nodes, proxy): (Vec<String>, _) =
        ((1..=3).map(|id| cluster.metrics(id)).collect(), cluster.metrics(0));
    let leaders = nodes.iter().filter(|text| value(text, "conclave_raft_is_leader") == Some(1.0)).count();
    assert_eq!(leaders, 1, "{nodes:?}");
    let applied = nodes.iter().filter(|text| value(text, "conclave_kv_revision") == Some(21.0)).count();
    assert!(applied >= 2, "{nodes:?}");
    assert_eq!(
        value(&proxy, "conclave_proxy_calls_total{method=\"Put\",code=\"OK\"}"),
        Some(20.0),
        "{proxy}"
    );
    assert_eq!(value(&proxy, "conclave_proxy_call_duration_seconds_count{method=\"Range\"}"), Some(20.0));
    assert_eq!(value(&proxy, "conclave_proxy_has_leader"), Some(1.0));
    for text in nodes.iter().chain([&proxy]) {
        assert!(value(text, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6), "{text}");
    }
    let exposed: BTreeSet<String> = nodes.iter().chain([&proxy]).flat_map(|text| names(text)).collect();
    let undescribed: Vec<&String> = exposed.iter().filter(|name| !described().contains(*name)).collect();
    assert!(undescribed.is_empty(), "docs/metrics.md does not describe {undescribed:?}");
    // Some appear only when what they count has happened.
    let rare =
        ["conclave_raft_refused_total", "conclave_rpc_certificate_end_seconds"].map(str::to_owned).into();
    let known: BTreeSet<String> = exposed.union(&rare).cloned().collect();
    for file in ["docs/metrics.md", "deploy/grafana/conclave.json", "deploy/prometheus/alerts.yml"] {
        let text = fs::read_to_string(file).expect("it is there");
        let missing: Vec<String> = mentioned(&text).difference(&known).cloned().collect();
        assert!(missing.is_empty(), "{file} speaks of {missing:?}, which no program exposes");
    }
}

#[test]
fn a_benchmark_tells_where_the_time_of_a_put_goes() {
    let cluster = Cluster::ready();
    let bench = format!("bench --clients 1 --seconds 1 --keys 10 --json --endpoints {}", cluster.address(0));
    let shown = |ids: &[u16]| ids.iter().map(|&id| cluster.metrics_address(id)).collect::<Vec<_>>().join(",");
    let report = succeed(&format!("{bench} --breakdown {}", shown(&[0, 1, 2, 3])));
    let report: serde_json::Value = serde_json::from_str(&report).expect("it is JSON");
    let stations = report["breakdown_ms"].as_array().expect("a list");
    assert_eq!(stations.len(), 7, "four on the way, and what each node does meanwhile: {report}");
    assert!(stations.iter().all(|station| station["ms"].as_f64().is_some_and(|ms| ms > 0.0)), "{report}");

    let output = run(&format!("{bench} --breakdown {}", shown(&[1, 2, 3])));
    let complaint = complaint(&output, "without the proxy");
    assert!(complaint.contains("a proxy is not among these"), "{complaint}");
}

/// What the table of docs/metrics.md has.
fn described() -> BTreeSet<String> {
    let text = fs::read_to_string("docs/metrics.md").expect("it is there");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split(['`', '{']).next()).map(str::to_owned).collect()
}

#[test]
fn the_dashboard_is_whole() {
    let text = fs::read_to_string("deploy/grafana/conclave.json").expect("it is there");
    let dashboard: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.len() > 8);
    let mut places = BTreeSet::new();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().expect("a title");
        let targets = panel["targets"].as_array().expect("targets");
        assert!(
            targets.iter().all(|target| !mentioned(target["expr"].as_str().unwrap_or("")).is_empty()),
            "{title}"
        );
        assert!(places.insert(panel["gridPos"].to_string()), "{title} lies on another panel");
    }
}

#[test]
fn health_follows_what_a_program_can_do() {
    let mut cluster = Cluster::new();
    cluster.start_node(1);
    let metrics = cluster.metrics_address(1);
    eventually("alive", || http_get(&metrics, "/healthz").is_some());
    assert_eq!(http_get(&metrics, "/healthz"), Some((200, "alive\n".to_owned())));
    eventually("bound", || http_get(&metrics, "/readyz").is_some_and(|(_, text)| !text.contains("starting")));
    assert_eq!(http_get(&metrics, "/readyz"), Some((503, "not ready: no leader is known\n".to_owned())));
    cluster.start_proxy();
    let proxy_metrics = cluster.metrics_address(0);
    eventually("the proxy", || {
        http_get(&proxy_metrics, "/readyz").is_some_and(|(_, text)| text.contains("answer"))
    });
    let runtime = runtime();
    assert_eq!(runtime.block_on(check(&cluster.address(1), "")), Ok(ServingStatus::NotServing));
    cluster.start_node(2);
    cluster.await_ready(1);
    cluster.await_ready(0);
    for (id, service) in [(1, "conclave.v1.Node"), (0, "etcdserverpb.KV"), (0, "")] {
        assert_eq!(runtime.block_on(check(&cluster.address(id), service)), Ok(ServingStatus::Serving));
    }
    let unknown = runtime.block_on(check(&cluster.address(0), "nonsense.Service"));
    assert_eq!(unknown, Err(tonic::Code::NotFound));
    runtime.block_on(watch_a_loss(&mut cluster));
    assert_eq!(http_get(&proxy_metrics, "/nonsense").map(|(status, _)| status), Some(404));
    let post = format!(
        "POST /metrics HTTP/1.1\r\nHost: {proxy_metrics}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(http_ask(&proxy_metrics, &post).map(|(status, _)| status), Some(405));
}

async fn check(address: &str, service: &str) -> Result<ServingStatus, tonic::Code> {
    let mut client = HealthClient::connect(format!("http://{address}")).await.expect("it listens");
    let answer = client.check(HealthCheckRequest { service: service.to_owned() }).await;
    answer.map(|answer| answer.into_inner().status()).map_err(|status| status.code())
}

/// Who watches hears that the majority is lost.
async fn watch_a_loss(cluster: &mut Cluster) {
    let mut client =
        HealthClient::connect(format!("http://{}", cluster.address(0))).await.expect("it listens");
    let watched = client.watch(HealthCheckRequest { service: String::new() }).await.expect("it is served");
    let mut changes = watched.into_inner();
    assert_eq!(changes.message().await.ok().flatten().map(|it| it.status()), Some(ServingStatus::Serving));
    cluster.nodes.remove(&2);
    cluster.nodes.remove(&1);
    let next = tokio::time::timeout(PATIENCE, changes.message()).await.expect("in time");
    assert_eq!(next.ok().flatten().map(|it| it.status()), Some(ServingStatus::NotServing));
}

#[test]
fn a_request_id_travels_there_and_back_and_into_the_log() {
    let cluster = Cluster::new();
    let listen = cluster.address(0);
    let nowhere = cluster.address(1);
    let line = format!("proxy --listen {listen} --nodes {nowhere} --log-format json --patience 1500ms");
    let proxy = conclave(line.split(' ')).spawn().expect("the program starts");
    let answer = runtime().block_on(async {
        let mut client = loop {
            match KvClient::connect(format!("http://{listen}")).await {
                Ok(client) => break client,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        let mut request = tonic::Request::new(PutRequest {
            key: "my\nkey".into(),
            value: "a secret of mine".into(),
            ..PutRequest::default()
        });
        request.metadata_mut().insert("x-request-id", "checkout-42".parse().expect("a value"));
        let first = client.put(request).await.expect_err("there is no cluster");
        let request = RangeRequest { key: "other".into(), ..RangeRequest::default() };
        (first, client.range(request).await.expect_err("there is no cluster"))
    });
    let id = |status: &tonic::Status| status.metadata().get("x-request-id").map(|id| id.as_bytes().to_vec());
    assert_eq!(id(&answer.0).as_deref(), Some("checkout-42".as_bytes()));
    let made = String::from_utf8(id(&answer.1).expect("the proxy makes one")).expect("text");
    let log = log_of(proxy);
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let find = |id: &str| {
        let fields = lines.iter().map(|line| &line["fields"]);
        fields.into_iter().find(|fields| fields["request_id"] == id).unwrap_or_else(|| panic!("{id}: {log}"))
    };
    let fields = find("checkout-42");
    assert_eq!((&fields["method"], &fields["key"]), (&"Put".into(), &"my\\nkey".into()), "{log}");
    assert_eq!(fields["code"], "Unavailable");
    let waits = fields["waits"].as_str().expect("what it waited for");
    assert!(waits.contains("for a leader") && waits.ends_with("sent 0 times"), "{waits}");
    assert_eq!(find(&made)["method"], "Range");
    assert!(!log.contains("secret"), "{log}");
}

/// What a program wrote to stderr until it is told to stop.
fn log_of(child: Child) -> String {
    send_signal(child.id(), Signal::SIGTERM);
    text(&finish(child, "the proxy").stderr)
}

#[test]
fn a_proxy_that_drains_serves_and_says_that_it_is_not_ready() {
    let mut cluster = Cluster::ready();
    cluster.proxy = None;
    let nodes: Vec<String> = (1..=3).map(|id| cluster.address(id)).collect();
    let (listen, metrics) = (cluster.address(0), cluster.metrics_address(0));
    let line = format!(
        "proxy --listen {listen} --nodes {} --metrics-listen {metrics} --drain-seconds 3",
        nodes.join(",")
    );
    let proxy = Program::start(&line);
    cluster.await_ready(0);
    // It is not at a terminal.
    send_signal(proxy.pid(), Signal::SIGHUP);
    succeed(&format!("put key hangup --endpoints {listen}"));
    send_signal(proxy.pid(), Signal::SIGTERM);
    eventually("not ready", || http_get(&metrics, "/readyz") == Some((503, "stopping\n".to_owned())));
    succeed(&format!("put key draining --endpoints {listen}"));
    eventually("it ends", || !is_alive(proxy.pid()));
}

/// A put that waits for nodes that stand still: its proxy is told to stop meanwhile, and outlives that wait.
#[test]
fn a_proxy_that_stops_answers_what_is_under_way() {
    let mut cluster = Cluster::ready();
    let proxy = cluster.proxy.take().expect("it runs");
    let to_nodes = |signal| cluster.nodes.values().for_each(|node| send_signal(node.pid(), signal));
    to_nodes(Signal::SIGSTOP);
    let line = format!("put key waiting --timeout 20s --endpoints {}", cluster.address(0));
    let mut put = conclave(line.split(' '));
    let put = put.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    thread::sleep(Duration::from_millis(500));
    send_signal(proxy.pid(), Signal::SIGTERM);
    thread::sleep(Duration::from_secs(1));
    assert!(is_alive(proxy.pid()), "it waits for the answer");
    to_nodes(Signal::SIGCONT);
    let output = finish(put, "the put");
    assert!(output.status.success(), "{}", text(&output.stderr));
    eventually("the proxy ends", || !is_alive(proxy.pid()));
}

#[test]
fn a_service_manager_hears_of_readiness_life_and_end() {
    let cluster = Cluster::new();
    let socket_path = cluster.directory.path().join("notify");
    let socket = UnixDatagram::bind(&socket_path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let data_dir = cluster.directory.path().join("alone");
    let address = cluster.address(1);
    let line =
        format!("node --id 1 --listen {address} --peers 1={address} --data-dir {}", data_dir.display());
    let mut command = conclave(line.split(' '));
    command.env("NOTIFY_SOCKET", &socket_path).env("WATCHDOG_USEC", "400000");
    let node = command.spawn().expect("the program starts");
    await_notice(&socket, "READY=1");
    // Bound, as it says.
    assert!(TcpStream::connect(&address).is_ok());
    await_notice(&socket, "STATUS=ready");
    await_notice(&socket, "WATCHDOG=1");
    await_notice(&socket, "WATCHDOG=1");
    send_signal(node.id(), Signal::SIGTERM);
    await_notice(&socket, "STOPPING=1");
    assert!(finish(node, "the node").status.success());
}

fn await_notice(socket: &UnixDatagram, expected: &str) {
    let mut buffer = [0; 4096];
    loop {
        let length = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no {expected}: {error}"));
        if String::from_utf8_lossy(&buffer[..length]).lines().any(|line| line == expected) {
            return;
        }
    }
}

#[test]
fn status_is_watched_until_it_is_enough() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let up = Up::start(Path::new(scratch.path()));
    let mut watching = Program::start(&format!("status --watch --endpoints {}", up.endpoint));
    let lines = watching.lines();
    let mut rates = Vec::new();
    while rates.len() < 2 {
        let line = lines.recv_timeout(PATIENCE).expect("it goes on");
        assert!(!line.contains('\x1b'), "no terminal is there: {line}");
        rates.extend(line.contains("commits/s").then_some(line));
    }
    assert!(rates[1].contains("leads in term") && !rates[1].contains("- commits/s"), "{rates:?}");
    send_signal(watching.pid(), Signal::SIGTERM);
    assert!(watching.end().success());
}

#[test]
fn up_shows_the_cluster_on_a_page() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let base_port = free_ports(6);
    let (endpoint, page) = (format!("127.0.0.1:{}", base_port + 3), format!("127.0.0.1:{}", base_port + 4));
    let data_dir = scratch.path().display();
    let line =
        format!("up --listen {endpoint} --base-port {base_port} --data-dir {data_dir} --dashboard {page}");
    let mut up = Program::start(&line);
    let lines = up.lines();
    while !lines.recv_timeout(PATIENCE).expect("it gets ready").contains(&format!("http://{page}/ shows it"))
    {
    }
    let (status, html) = http_get(&page, "/").expect("it is served");
    assert!(status == 200 && html.starts_with("<!doctype html>"), "{html}");
    let foreign = ["src=", "href=", "@import", "url("].into_iter().find(|word| html.contains(word));
    assert_eq!(foreign, None, "the page needs nothing from elsewhere");
    let shown = || -> serde_json::Value {
        let (_, json) = http_get(&page, "/api").expect("it is served");
        serde_json::from_str(&json).unwrap_or_default()
    };
    eventually("a leader and a put are shown", || {
        succeed(&format!("put color red --endpoints {endpoint}"));
        let shown = shown();
        let history = shown["history"].as_array().cloned().unwrap_or_default();
        let is_timed = history.iter().any(|moment| moment["put_p99"].as_f64().is_some_and(|ms| ms > 0.0));
        is_timed && shown["status"]["leader"].is_u64()
    });
}
