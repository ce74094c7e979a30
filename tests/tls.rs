//! Connections secured by certificates: who has none, or another's, gets nowhere.
#![cfg(all(unix, not(madsim)))]

mod programs;

use std::{
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use conclave::{
    client::{Client, GetOptions, Options},
    env::Clock,
    rpc::{self, Credentials, Expected, OwnFiles, Security, Target, TlsFiles},
    wire::pb::v1::{self, node_client::NodeClient, peer_client::PeerClient, status_client::StatusClient},
};
use programs::*;

/// Three nodes and a proxy that asks its clients for certificates.
struct Cluster {
    directory: tempfile::TempDir,
    base_port: u16,
    programs: Vec<Program>,
}

const HOST: &str = "127.0.0.1";

impl Cluster {
    /// With certificates for everybody, and nothing started.
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let cluster = Self { directory, base_port: free_ports(5), programs: Vec::new() };
        succeed(&format!(
            "cert init --dir {} --nodes 1={HOST},2={HOST},3={HOST} --proxies a={HOST} --clients app --operators ann",
            cluster.tls().display()
        ));
        cluster
    }

    fn tls(&self) -> PathBuf {
        self.directory.path().join("tls")
    }

    fn node_address(&self, id: u64) -> String {
        format!("{HOST}:{}", self.base_port + id as u16)
    }

    fn endpoint(&self) -> String {
        format!("{HOST}:{}", self.base_port)
    }

    fn metrics_address(&self) -> String {
        format!("{HOST}:{}", self.base_port + 4)
    }

    fn start_node(&mut self, id: u64) {
        let peers: Vec<String> = (1..=3).map(|peer| format!("{peer}={}", self.node_address(peer))).collect();
        self.programs.push(Program::start(&format!(
            "node --id {id} --listen {} --peers {} --data-dir {} {}",
            self.node_address(id),
            peers.join(","),
            self.directory.path().join(format!("node-{id}")).display(),
            options(&self.tls(), &format!("node-{id}")),
        )));
    }

    fn start_proxy(&mut self, more: &str) {
        let nodes: Vec<String> = (1..=3).map(|id| self.node_address(id)).collect();
        self.programs.push(Program::start(&format!(
            "proxy --listen {} --metrics-listen {} --nodes {} {} {more}",
            self.endpoint(),
            self.metrics_address(),
            nodes.join(","),
            options(&self.tls(), "proxy-a"),
        )));
    }

    fn start(more: &str) -> Self {
        let mut cluster = Self::new();
        (1..=3).for_each(|id| cluster.start_node(id));
        cluster.start_proxy(more);
        eventually("a secured cluster serves", || {
            cluster.ask("put key value", "client-app").status.success()
        });
        cluster
    }

    /// What a command says that shows this certificate.
    fn ask(&self, line: &str, holder: &str) -> Output {
        self.ask_with(line, &options(&self.tls(), holder))
    }

    fn ask_with(&self, line: &str, options: &str) -> Output {
        run(&format!("{line} --timeout 2s --endpoints {} {options}", self.endpoint()))
    }

    /// How this process would call a node with somebody's certificate.
    fn target(&self, address: String, holder: &str, expected: Expected) -> Target {
        let own = OwnFiles {
            certificate: self.tls().join(format!("{holder}.crt")),
            key: self.tls().join(format!("{holder}.key")),
        };
        let files = TlsFiles { ca: self.tls().join("ca.crt"), own: Some(own) };
        let credentials = Credentials::load(files, false).expect("good files");
        Target { address, expected, security: Security::tls(credentials) }
    }
}

fn options(tls: &Path, holder: &str) -> String {
    let tls = tls.display();
    format!("--tls-ca {tls}/ca.crt --tls-cert {tls}/{holder}.crt --tls-key {tls}/{holder}.key")
}

fn clock() -> Clock {
    Clock::new(Duration::ZERO)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn who_has_not_the_right_certificate_gets_nowhere() {
    let cluster = Cluster::start("--client-cert-required");
    clients_need_a_certificate_of_this_ca(&cluster);
    clients_may_not_do_what_operators_do(&cluster);
    runtime().block_on(nobody_but_the_right_one_speaks_to_a_node(&cluster));
    runtime().block_on(a_node_speaks_for_itself_alone(&cluster));
    runtime().block_on(nobody_takes_another_for_the_node_it_calls(&cluster));
}

fn clients_need_a_certificate_of_this_ca(cluster: &Cluster) {
    assert_eq!(text(&cluster.ask("get key", "client-app").stdout), "key\tvalue\n");
    let other = cluster.directory.path().join("other");
    succeed(&format!("cert init --dir {} --clients app", other.display()));
    let (ours, theirs) = (cluster.tls(), other.display().to_string());
    let ours = ours.display();
    for (options, expected) in [
        (String::new(), "if it wants TLS, give --tls-ca"),
        (format!("--tls-ca {ours}/ca.crt"), "if it wants a certificate, give --tls-cert and --tls-key"),
        (format!("--tls-ca {theirs}/ca.crt"), "its certificate is not signed by the CA of"),
        (
            format!(
                "--tls-ca {ours}/ca.crt --tls-cert {theirs}/client-app.crt --tls-key {theirs}/client-app.key"
            ),
            "",
        ),
        (
            format!(
                "--tls-ca {ours}/ca.crt --tls-cert {ours}/client-app.crt --tls-key {ours}/operator-ann.key"
            ),
            "is it the key of",
        ),
        (format!("--tls-ca {ours}/ca.key"), "there is no certificate in PEM in it"),
        (format!("--tls-ca {ours}/nobody.crt"), "there is no such file"),
        (format!("--tls-cert {ours}/client-app.crt"), "--tls-key is missing"),
    ] {
        let complaint = complaint(&cluster.ask_with("put key stolen", &options), &options);
        assert!(complaint.contains(expected), "{options}: {complaint}");
        assert!(!complaint.contains("PRIVATE KEY"), "{complaint}");
        // Who is told that he was refused knows that nothing was done. Whether he is told is a race with the end of the connection.
        let is_sure = complaint.contains("alert") || complaint.contains("not signed by the CA");
        assert!(!is_sure || !complaint.contains("may have happened"), "{complaint}");
    }
    assert_eq!(text(&cluster.ask("get key", "client-app").stdout), "key\tvalue\n");
}

fn clients_may_not_do_what_operators_do(cluster: &Cluster) {
    for holder in ["client-app", "node-1", "proxy-a"] {
        let complaint = complaint(&cluster.ask("transfer --to 1", holder), holder);
        assert!(complaint.contains("only a certificate with the role operator may"), "{complaint}");
        assert!(!complaint.contains("lost the connection"), "{complaint}");
        assert!(!complaint.contains("may have happened"), "{complaint}");
    }
    for holder in ["node-1", "proxy-a"] {
        let complaint = complaint(&cluster.ask("put key stolen", holder), holder);
        assert!(complaint.contains("only a certificate with the role client or operator may"), "{complaint}");
    }
    let listed = cluster.ask("member list", "operator-ann");
    assert!(listed.status.success(), "{}", text(&listed.stderr));
}

/// The key of a proxy cannot vote, that of a client cannot speak for a proxy, and that of a node not for another.
async fn nobody_but_the_right_one_speaks_to_a_node(cluster: &Cluster) {
    let call = async |holder: &str, speaks_as: u64| {
        let target = cluster.target(cluster.node_address(1), holder, Expected::Anybody);
        let channel = rpc::connect(&target, &clock()).await.expect("all of them have certificates of the CA");
        let sender = v1::Sender { id: speaks_as, ..v1::Sender::default() };
        let hello = v1::Envelope {
            cluster: "conclave".into(),
            to: 1,
            sender: Some(sender),
            ..v1::Envelope::default()
        };
        let hello = tokio_stream::once(hello);
        match PeerClient::new(channel).send(hello).await {
            Ok(answers) => answers.into_inner().message().await.map(drop),
            Err(status) => Err(status),
        }
    };
    for (holder, speaks_as) in [("proxy-a", 2), ("client-app", 2), ("operator-ann", 2), ("node-3", 2)] {
        let status = call(holder, speaks_as).await.expect_err(holder);
        assert_eq!(status.code(), tonic::Code::PermissionDenied, "{holder}: {status}");
    }
    // This is about its data directory: its certificate is good.
    let status = call("node-2", 2).await.expect_err("node 2 runs, and this is not it");
    assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{status}");

    let target = cluster.target(cluster.node_address(1), "client-app", Expected::Anybody);
    let channel = rpc::connect(&target, &clock()).await.expect("it has a certificate of the CA");
    let hello = v1::RequestBatch { cluster: "conclave".into(), ..v1::RequestBatch::default() };
    let status = NodeClient::new(channel).session(tokio_stream::once(hello)).await.expect_err("no proxy");
    assert_eq!(status.code(), tonic::Code::PermissionDenied, "{status}");
}

/// Its certificate is good, it says truly who it is, and then gives a message for another's.
async fn a_node_speaks_for_itself_alone(cluster: &Cluster) {
    let target = cluster.target(cluster.node_address(1), "node-3", Expected::Node(1));
    let channel = rpc::connect(&target, &clock()).await.expect("node 1 is there");
    let status = StatusClient::new(channel.clone()).status(v1::StatusRequest {}).await;
    let status = status.expect("nodes are told").into_inner();
    let configuration = status.nodes[0].configuration.clone().expect("it has members");
    let origin = |id| {
        let record = configuration.incarnations.iter().find(|record| record.id == id);
        let incarnation = record.map_or(0, |record| record.incarnation);
        Some(v1::Origin { cluster: status.cluster_id, certain: true, incarnation })
    };
    let message = v1::RaftMessage {
        from: 2,
        to: 1,
        term: status.nodes[0].term + 5,
        body: Some(v1::raft_message::Body::TimeoutNow(v1::TimeoutNow {})),
        origin: origin(2),
    };
    let sender = v1::Sender { id: 3, origin: origin(3), ..v1::Sender::default() };
    let cluster = "conclave".to_owned();
    let envelope =
        v1::Envelope { cluster, to: 1, sender: Some(sender), messages: vec![message], ..Default::default() };
    let mut signs =
        PeerClient::new(channel).send(tokio_stream::once(envelope)).await.expect("it is node 3").into_inner();
    let refused = signs.message().await.expect_err("it is not node 2");
    assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{refused}");
    assert!(refused.message().contains("node 3 sends a message of node 2"), "{refused}");
}

/// An address that leads to another node, or to no node at all.
async fn nobody_takes_another_for_the_node_it_calls(cluster: &Cluster) {
    for (address, expected, why) in [
        (cluster.node_address(2), Expected::Node(1), "it is spiffe://conclave/node/2, not node 1"),
        (cluster.endpoint(), Expected::Node(1), "it is spiffe://conclave/proxy/a, not node 1"),
        (cluster.endpoint(), Expected::Role(rpc::Role::Node), "not node"),
    ] {
        let error = rpc::connect(&cluster.target(address, "node-3", expected), &clock()).await;
        let error = error.expect_err(why).to_string();
        assert!(error.contains(why), "{error}");
    }
    let target = cluster.target(cluster.node_address(2), "node-3", Expected::Node(2));
    rpc::connect(&target, &clock()).await.expect("node 2 is where it should be");
    let by_name = cluster.node_address(2).replace(HOST, "localhost");
    let error = rpc::connect(&cluster.target(by_name, "node-3", Expected::Node(2)), &clock()).await;
    let error = error.expect_err("the certificate does not name this host").to_string();
    assert!(error.contains("its certificate is not for localhost"), "{error}");
}

#[test]
fn a_program_does_not_start_with_the_certificate_of_another() {
    let cluster = Cluster::new();
    let tls = cluster.tls();
    for (line, expected) in [
        (
            format!(
                "config check node --id 1 --join --listen {HOST}:1 --data-dir x {}",
                options(&tls, "node-2")
            ),
            "--tls-cert is for spiffe://conclave/node/2: this node is spiffe://conclave/node/1",
        ),
        (
            format!("config check proxy --nodes {HOST}:1 --cluster prod {}", options(&tls, "proxy-a")),
            "this is a proxy of cluster \"prod\"",
        ),
        (format!("config check proxy --nodes {HOST}:1 {}", options(&tls, "node-1")), "this is a proxy"),
        (
            format!("config check proxy --nodes {HOST}:1 --client-cert-required"),
            "--client-cert-required is nothing",
        ),
    ] {
        let complaint = complaint(&run(&line), &line);
        assert!(complaint.contains(expected), "{complaint}");
    }
}

#[test]
fn renewed_certificates_are_taken_without_a_restart() {
    let cluster = Cluster::start("");
    let serial = || {
        let tls = cluster.tls();
        let target = cluster.target(cluster.endpoint(), "client-app", Expected::Anybody);
        runtime().block_on(rpc::connect(&target, &clock())).expect("it serves");
        std::fs::read(tls.join("proxy-a.crt")).expect("it is there")
    };
    let before = serial();
    // Another CA altogether: who still used the old certificate would not be believed.
    let (tls, renewed) = (cluster.tls(), cluster.directory.path().join("renewed"));
    succeed(&format!(
        "cert init --dir {} --nodes 1={HOST},2={HOST},3={HOST} --proxies a={HOST} --clients app",
        renewed.display()
    ));
    for entry in std::fs::read_dir(&renewed).expect("it is there").flatten() {
        std::fs::rename(entry.path(), tls.join(entry.file_name())).expect("one file system");
    }
    assert_ne!(before, std::fs::read(tls.join("proxy-a.crt")).expect("it is there"));
    eventually("the proxy shows its new certificate", || {
        cluster.ask("get key", "client-app").status.success()
    });
    cluster.ask("put key renewed", "client-app");
    assert_eq!(text(&cluster.ask("get key", "client-app").stdout), "key\trenewed\n");
}

#[test]
fn a_client_that_calls_too_often_is_slowed_down() {
    let cluster = Cluster::start("--client-cert-required --calls-per-second-max 20");
    let target = cluster.target(cluster.endpoint(), "client-app", Expected::Anybody);
    let options = Options { timeout: PATIENCE, security: target.security };
    let client = Client::new(&[cluster.endpoint()], options, clock()).expect("a good endpoint");
    runtime().block_on(async {
        let mut refused = 0;
        for _ in 0..200 {
            if let Err(error) = client.get("key", GetOptions::default()).await {
                let error = error.to_string();
                assert!(error.contains("spiffe://conclave/client/app calls more often than"), "{error}");
                assert!(!error.contains("may have happened"), "{error}");
                refused += 1;
            }
        }
        // 200 calls take far less than the nine seconds in which they would be served.
        assert!(refused > 50, "{refused} of 200");
        let metrics = http_get(&cluster.metrics_address(), "/metrics").expect("it is served").1;
        let counted = metrics.lines().find_map(|line| line.strip_prefix("conclave_rpc_refused_calls_total "));
        assert!(
            counted.is_some_and(|count| count.parse::<u32>().is_ok_and(|count| count >= refused)),
            "{metrics}"
        );
    });
    // Another client is served.
    eventually("the operator is served", || cluster.ask("get key", "operator-ann").status.success());
}
