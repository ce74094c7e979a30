//! A machine with a root file system of its own: this machine's beneath, its own files above.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::cloud_config::CloudConfig;
use crate::lab::{
    command::{one_line, run},
    mount_memory,
};

/// The user that the package makes, and the units name.
const USER: &str = "conclave";
const USER_NUMBER: u32 = 64_901;
/// Where programs say that they are up.
const NOTIFY_SOCKET: &str = "/run/conclave-notify";
/// A program that does not come up within this has failed.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// What `aws` is on these machines: the parameter store and the bucket are folders.
const AWS: &str = r#"#!/bin/sh
case "$1" in
ssm)
    while [ $# -gt 0 ]; do [ "$1" = --name ] && name=$2; shift; done
    exec cat "/parameters/$(basename "$name")"
    ;;
s3)
    for word; do from=$to; to=$word; done
    mkdir -p /bucket
    exec cp "$from" "/bucket/$(basename "$to")"
    ;;
esac
"#;

/// A machine. Dropped, its programs are killed and its file systems are unmounted.
pub(super) struct Instance {
    pub(super) config: CloudConfig,
    namespace: String,
    /// What holds its own files.
    store: PathBuf,
    child: Option<Child>,
    /// What stands for systemd.
    manager: Option<UnixDatagram>,
}

impl Instance {
    /// Makes the machine as it is after its first boot; `hosts` are lines of `/etc/hosts`.
    pub(super) fn boot(
        config: CloudConfig,
        namespace: String,
        store: PathBuf,
        binary: &Path,
        hosts: &str,
    ) -> Result<Self> {
        fs::create_dir_all(&store)?;
        mount_memory(&store, "size=512m")?;
        let instance = Self { config, namespace, store, child: None, manager: None };
        for folder in ["upper", "work", "root"] {
            fs::create_dir(instance.store.join(folder))?;
        }
        let (store, root) = (instance.store.display(), instance.root());
        run(&format!(
            "mount -t overlay overlay -o lowerdir=/,upperdir={store}/upper,workdir={store}/work {}",
            root.display()
        ))?;
        run(&format!("mount --bind /dev {}", instance.path("/dev").display()))?;
        run(&format!("mount -t proc proc {}", instance.path("/proc").display()))?;
        instance.install(binary)?;
        instance.write_files()?;
        let known = fs::read_to_string(instance.path("/etc/hosts")).unwrap_or_default();
        instance.write("/etc/hosts", &format!("{known}\n{hosts}"), 0o644)?;
        Ok(instance)
    }

    /// What the package brings: the program and its user. And what AWS brings: the parameter store, the data volume.
    fn install(&self, binary: &Path) -> Result<()> {
        let program = self.path("/usr/bin/conclave");
        fs::copy(binary, &program)?;
        let mut passwd = fs::read_to_string(self.path("/etc/passwd"))?;
        passwd += &format!("{USER}:x:{USER_NUMBER}:{USER_NUMBER}::/nonexistent:/usr/sbin/nologin\n");
        self.write("/etc/passwd", &passwd, 0o644)?;
        let mut group = fs::read_to_string(self.path("/etc/group"))?;
        group += &format!("{USER}:x:{USER_NUMBER}:\n");
        self.write("/etc/group", &group, 0o644)?;
        self.write("/snap/bin/aws", AWS, 0o755)?;
        if self.config.is_a("node") {
            let volume = self.path("/var/lib/conclave");
            fs::create_dir_all(&volume)?;
            mount_memory(&volume, &format!("size=256m,mode=0700,uid={USER_NUMBER},gid={USER_NUMBER}"))?;
        }
        Ok(())
    }

    fn write_files(&self) -> Result<()> {
        for file in &self.config.write_files {
            let mode = u32::from_str_radix(&file.permissions, 8)
                .with_context(|| format!("the permissions of {}", file.path))?;
            self.write(&file.path, &file.content, mode)?;
        }
        Ok(())
    }

    /// Puts what the parameter store holds for this machine where its scripts find it, and lets them fetch it.
    pub(super) fn fetch_certificates(&self, files: &[(&str, PathBuf)]) -> Result<()> {
        for (name, from) in files {
            let text = fs::read_to_string(from).with_context(|| from.display().to_string())?;
            self.write(&format!("/parameters/{name}"), &text, 0o600)?;
        }
        self.shell("exec /usr/local/sbin/conclave-certificates").map(drop)
    }

    /// Starts a unit's program as its user, and waits until it says that it is up.
    pub(super) fn start(&mut self, unit: &str, log: &Path) -> Result<()> {
        let line = self.config.unit_line(unit, "ExecStart")?.to_owned();
        let user = self.config.unit_line(unit, "User")?;
        let kind = self.config.unit_line(unit, "Type")?;
        ensure!(kind == "notify", "{unit} is of Type={kind}");
        let socket = self.path(NOTIFY_SOCKET);
        let _ = fs::remove_file(&socket);
        fs::create_dir_all(self.path("/run"))?;
        let notified = UnixDatagram::bind(&socket)?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o666))?;
        let mut command = self.command();
        command.args(["setpriv", "--reuid", user, "--regid", user, "--clear-groups"]);
        command.args(["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]);
        command.args(line.split_whitespace()).env("NOTIFY_SOCKET", NOTIFY_SOCKET);
        let written = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(written.try_clone()?).stderr(written);
        self.child = Some(command.spawn()?);
        self.wait_until_ready(&notified).with_context(|| {
            let text = fs::read_to_string(log).unwrap_or_default();
            format!(
                "{unit} of {}: {}",
                self.config.hostname,
                text.lines().last().unwrap_or("it says nothing")
            )
        })?;
        // It goes on to tell how it is.
        self.manager = Some(notified);
        Ok(())
    }

    fn wait_until_ready(&mut self, notified: &UnixDatagram) -> Result<()> {
        notified.set_read_timeout(Some(Duration::from_millis(100)))?;
        let (began, mut message) = (Instant::now(), [0; 4096]);
        while began.elapsed() < READY_WITHIN {
            let length = notified.recv(&mut message).unwrap_or(0);
            if String::from_utf8_lossy(&message[..length]).lines().any(|line| line == "READY=1") {
                return Ok(());
            }
            ensure!(self.runs(), "it ended");
        }
        bail!("it did not say READY=1 within {READY_WITHIN:?}")
    }

    /// Runs a shell line on this machine, as root; returns what it prints.
    pub(super) fn shell(&self, line: &str) -> Result<String> {
        let output = self.try_shell(line)?;
        let host = &self.config.hostname;
        ensure!(
            output.status.success(),
            "{host}: '{line}' failed ({}): {}",
            output.status,
            one_line(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The same, when it may fail.
    pub(super) fn try_shell(&self, line: &str) -> Result<Output> {
        let mut command = self.command();
        command.args(["sh", "-c", line]).stdin(Stdio::null());
        Ok(command.output()?)
    }

    /// Its processes end at once.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Whether its program runs.
    pub(super) fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    fn command(&self) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace, "chroot"]).arg(self.root());
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    fn write(&self, path: &str, text: &str, mode: u32) -> Result<()> {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder"))?;
        fs::write(&path, text)?;
        Ok(fs::set_permissions(&path, fs::Permissions::from_mode(mode))?)
    }

    /// Where a file of this machine is on the machine that it runs on.
    fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    fn root(&self) -> PathBuf {
        self.store.join("root")
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
        for mounted in ["/var/lib/conclave", "/proc", "/dev", "/"] {
            let _ = run(&format!("umount -l {}", self.path(mounted).display()));
        }
        let _ = run(&format!("umount -l {}", self.store.display()));
    }
}
