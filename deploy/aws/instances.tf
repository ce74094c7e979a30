data "aws_ami" "ubuntu" {
  count = var.ami_id == null ? 1 : 0

  most_recent = true
  owners      = ["099720109477"] # Canonical

  filter {
    name   = "name"
    values = ["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"]
  }
}

locals {
  ami = var.ami_id == null ? data.aws_ami.ubuntu[0].id : var.ami_id

  # zone 0 to 2 of each program.
  zone = merge(
    { for id, node in var.nodes : "node-${id}" => coalesce(node.zone, (tonumber(id) - 1) % 3) },
    { for n in range(var.proxy_count) : "proxy-${n + 1}" => n % 3 },
    { for n in range(var.client_count) : "client-${n + 1}" => n % 3 },
  )
  hosts = { for id, node in var.nodes : id => merge(node, { host = "node-${id}.${var.domain}" }) }
}

module "user_data" {
  source   = "./modules/user_data"
  for_each = local.programs

  cluster           = var.cluster
  program           = each.key
  nodes             = local.hosts
  endpoint          = "api.${var.domain}:2379"
  region            = var.region
  package           = "s3://${aws_s3_bucket.this.bucket}/${var.package_key}"
  backups           = "s3://${aws_s3_bucket.this.bucket}/backups"
  parameters        = local.parameters[each.key]
  metrics_namespace = local.metrics_namespace
  restore           = var.restore
  volume_id         = each.value == "node" ? aws_ebs_volume.node[trimprefix(each.key, "node-")].id : ""
  extra_toml        = { node = var.node_extra_toml, proxy = var.proxy_extra_toml, client = "" }[each.value]
}

# A node's data, for as long as the node is a member: the instance comes and goes.
resource "aws_ebs_volume" "node" {
  for_each = var.nodes

  availability_zone = local.zones[local.zone["node-${each.key}"]]
  type              = "gp3"
  size              = var.volume_gib
  iops              = var.volume_iops
  throughput        = var.volume_mib_per_s
  encrypted         = true
  kms_key_id        = aws_kms_key.this.arn

  tags = { Name = "${var.cluster}-node-${each.key}" }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_instance" "this" {
  for_each = local.programs

  ami                    = local.ami
  instance_type          = { node = var.node_instance_type, proxy = var.proxy_instance_type, client = var.client_instance_type }[each.value]
  subnet_id              = aws_subnet.private[local.zone[each.key]].id
  vpc_security_group_ids = [aws_security_group.this[each.value].id]
  iam_instance_profile   = aws_iam_instance_profile.this[each.key].name
  user_data_base64       = base64gzip(module.user_data[each.key].cloud_config)
  ebs_optimized          = true

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type           = "gp3"
    volume_size           = 10
    encrypted             = true
    kms_key_id            = aws_kms_key.this.arn
    delete_on_termination = true
  }

  tags = {
    Name    = "${var.cluster}-${each.key}"
    Program = each.key
    Kind    = each.value
  }

  # A new image, configuration, type or root volume would stop or replace all instances at the same time. It is taken over
  # one by one: terraform apply -replace='aws_instance.this["node-1"]'
  lifecycle {
    ignore_changes = [ami, user_data_base64, instance_type, ebs_optimized, root_block_device]
  }

  # A role without its policy could not fetch the package.
  depends_on = [aws_iam_role_policy.this, aws_route.private, aws_route.public]
}

resource "aws_volume_attachment" "node" {
  for_each = var.nodes

  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.node[each.key].id
  instance_id = aws_instance.this["node-${each.key}"].id

  # The node stops and hands leadership over before its volume goes.
  stop_instance_before_detaching = true
}
