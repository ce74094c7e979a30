# The cloud-init file of one instance. No provider is needed: deploy/aws and deploy/aws/render use the same.
terraform {
  required_version = ">= 1.9"
}

locals {
  kind   = split("-", var.program)[0]
  number = split("-", var.program)[1]
  units  = "${path.module}/../../../systemd"

  settings = merge(var.nodes[local.kind == "node" ? local.number : keys(var.nodes)[0]], {
    id         = local.number
    cluster    = var.cluster
    founders   = [for id, node in var.nodes : "${id}=${node.host}:23801" if !node.join]
    addresses  = [for id, node in var.nodes : "${node.host}:23801"]
    extra_toml = var.extra_toml
    program    = var.program
    region     = var.region
    backups    = var.backups
  })

  values = {
    program           = var.program
    kind              = local.kind
    region            = var.region
    package           = var.package
    backups           = var.backups
    parameters        = var.parameters
    metrics_namespace = var.metrics_namespace
    endpoint          = var.endpoint
    volume            = replace(var.volume_id, "-", "")
    restore           = var.restore
  }

  common = {
    "/usr/local/sbin/conclave-bootstrap"                = { mode = "0755", text = templatefile("${path.module}/templates/bootstrap.sh.tftpl", local.values) }
    "/usr/local/sbin/conclave-certificates"             = { mode = "0755", text = templatefile("${path.module}/templates/certificates.sh.tftpl", local.values) }
    "/etc/systemd/system/conclave-certificates.service" = { mode = "0644", text = file("${path.module}/templates/conclave-certificates.service") }
    "/etc/systemd/system/conclave-certificates.timer"   = { mode = "0644", text = file("${path.module}/templates/conclave-certificates.timer") }
  }

  # The programs' units are where the package puts its own: that of a newer package takes their place.
  node = merge(
    {
      "/etc/conclave/node.toml"                                 = { mode = "0644", text = templatefile("${path.module}/templates/node.toml.tftpl", local.settings) }
      "/usr/lib/systemd/system/conclave-node.service"           = { mode = "0644", text = file("${local.units}/conclave-node.service") }
      "/etc/systemd/system/conclave-node.service.d/volume.conf" = { mode = "0644", text = file("${path.module}/templates/volume.conf") }
      "/usr/local/sbin/conclave-volume"                         = { mode = "0755", text = templatefile("${path.module}/templates/volume.sh.tftpl", local.values) }
      "/usr/local/sbin/conclave-report"                         = { mode = "0755", text = templatefile("${path.module}/templates/report.sh.tftpl", local.values) }
      "/etc/systemd/system/conclave-report.service"             = { mode = "0644", text = file("${path.module}/templates/conclave-report.service") }
      "/etc/systemd/system/conclave-report.timer"               = { mode = "0644", text = file("${path.module}/templates/conclave-report.timer") }
    },
    { for path, file in local.restore : path => file if var.restore },
  )

  # A node that waits for its backup.
  restore = {
    "/etc/systemd/system/conclave-node.service.d/restore.conf" = { mode = "0644", text = file("${path.module}/templates/restore.conf") }
    "/usr/local/sbin/conclave-restore"                         = { mode = "0755", text = templatefile("${path.module}/templates/restore.sh.tftpl", local.settings) }
  }

  proxy = {
    "/etc/conclave/proxy.toml"                       = { mode = "0644", text = templatefile("${path.module}/templates/proxy.toml.tftpl", local.settings) }
    "/usr/lib/systemd/system/conclave-proxy.service" = { mode = "0644", text = file("${local.units}/conclave-proxy.service") }
  }

  client = {
    "/etc/profile.d/conclave.sh"                  = { mode = "0644", text = templatefile("${path.module}/templates/profile.sh.tftpl", local.values) }
    "/usr/local/bin/conclave-operator"            = { mode = "0755", text = templatefile("${path.module}/templates/operator.sh.tftpl", local.values) }
    "/usr/local/sbin/conclave-backup"             = { mode = "0755", text = templatefile("${path.module}/templates/backup.sh.tftpl", local.values) }
    "/etc/systemd/system/conclave-backup.service" = { mode = "0644", text = file("${path.module}/templates/conclave-backup.service") }
    "/etc/systemd/system/conclave-backup.timer"   = { mode = "0644", text = file("${path.module}/templates/conclave-backup.timer") }
  }

  files = merge(local.common, [for kind, files in { node = local.node, proxy = local.proxy, client = local.client } : files if kind == local.kind]...)
}

output "cloud_config" {
  description = "The whole file, as cloud-init reads it."
  value = join("\n", ["#cloud-config", yamlencode({
    hostname       = var.program
    package_update = false
    disable_root   = true
    ssh_pwauth     = false
    write_files    = [for path, file in local.files : { path = path, permissions = file.mode, owner = "root:root", content = file.text }]
    runcmd         = [["/usr/local/sbin/conclave-bootstrap"]]
  })])
}
