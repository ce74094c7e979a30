//! A cloud-init file: what it writes, and the settings in it.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use serde_json::Value;

/// As cloud-init reads it, in the parts that matter here.
#[derive(Debug, Deserialize)]
pub(super) struct CloudConfig {
    /// `node-1`, `proxy-1`, `client-1`.
    pub(super) hostname: String,
    pub(super) write_files: Vec<WrittenFile>,
}

/// A file that is written at the first boot.
#[derive(Debug, Deserialize)]
pub(super) struct WrittenFile {
    pub(super) path: String,
    pub(super) content: String,
    /// Octal.
    pub(super) permissions: String,
}

impl CloudConfig {
    /// # Errors
    /// It is no cloud-init file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        anyhow::ensure!(
            text.starts_with("#cloud-config\n"),
            "cloud-init reads a file only if it begins with #cloud-config"
        );
        Ok(serde_yaml_ng::from_str(text)?)
    }

    /// Whether it is a node, a proxy or a client.
    pub(super) fn is_a(&self, kind: &str) -> bool {
        self.hostname.split_once('-').is_some_and(|(own, _)| own == kind)
    }

    /// The number after the kind.
    pub(super) fn number(&self) -> &str {
        self.hostname.split_once('-').map_or("", |(_, number)| number)
    }

    /// The text of a file.
    pub(super) fn text(&self, path: &str) -> Result<&str> {
        let file = self.write_files.iter().find(|file| file.path == path);
        Ok(&file.ok_or_else(|| anyhow!("{} is written no {path}", self.hostname))?.content)
    }

    /// The settings of its program.
    pub(super) fn settings(&self, path: &str) -> Result<BTreeMap<String, Value>> {
        let lines =
            self.text(path)?.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines
            .map(|line| {
                // The values that are used here look the same in TOML and in JSON.
                let (name, value) = line.split_once(" = ").ok_or_else(|| anyhow!("{path}: {line}"))?;
                Ok((name.to_owned(), serde_json::from_str(value).with_context(|| format!("{path}: {line}"))?))
            })
            .collect()
    }

    /// A line of a unit, like `ExecStart`.
    pub(super) fn unit_line(&self, unit: &str, name: &str) -> Result<&str> {
        let lines = self.text(&format!("/usr/lib/systemd/system/{unit}"))?.lines();
        let value = lines.filter_map(|line| line.split_once('=')).find(|(own, _)| *own == name);
        Ok(value.ok_or_else(|| anyhow!("{unit} has no {name}"))?.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_cloud_init_does() {
        let config = CloudConfig::parse(
            "#cloud-config\n\"hostname\": \"node-1\"\n\"runcmd\":\n- - \"/x\"\n\"write_files\":\n- \"content\": |+\n    id = 1\n    peers = [\"1=a:1\",\"2=b:1\"]\n\n  \"owner\": \"root:root\"\n  \"path\": \"/etc/conclave/node.toml\"\n  \"permissions\": \"0644\"\n",
        )
        .expect("as rendered");
        assert!(config.is_a("node") && config.number() == "1");
        let settings = config.settings("/etc/conclave/node.toml").expect("settings");
        assert_eq!(settings["id"], 1);
        assert_eq!(settings["peers"][1], "2=b:1");
        assert!(config.text("/etc/other").is_err());
        assert!(CloudConfig::parse("hostname: x\n").is_err());
    }
}
