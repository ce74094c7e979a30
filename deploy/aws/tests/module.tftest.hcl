# What the module promises whatever the preset; nothing is made, and no network is needed.
mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000001" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::conclave-123456789012-eu-central-1" }
  }
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/net/conclave/1", dns_name = "nlb.example" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/conclave-proxy/1" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:conclave-alarms" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/conclave" }
  }
  mock_resource "aws_instance" {
    defaults = { private_ip = "10.40.0.10" }
  }
  mock_resource "aws_ebs_volume" {
    defaults = { id = "vol-0123456789abcdef0" }
  }
  # Their ids say who is meant where rules are compared.
  override_resource {
    target = aws_security_group.this["node"]
    values = { id = "sg-node" }
  }
  override_resource {
    target = aws_security_group.this["proxy"]
    values = { id = "sg-proxy" }
  }
  override_resource {
    target = aws_security_group.this["client"]
    values = { id = "sg-client" }
  }
  override_resource {
    target = aws_security_group.this["api"]
    values = { id = "sg-api" }
  }
}

# Where the copy of the bucket would be.
mock_provider "aws" {
  alias = "replica"

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000002" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::conclave-123456789012-eu-central-1-copy" }
  }
}

variables {
  ami_id = "ami-0123456789abcdef0"
}

run "promises" {
  # A mocked apply: nothing is unknown afterwards.
  command = apply

  assert {
    condition     = alltrue([for volume in values(aws_ebs_volume.node) : volume.encrypted && volume.type == "gp3" && volume.kms_key_id == aws_kms_key.this.arn])
    error_message = "every data volume is gp3, and encrypted with the cluster's key"
  }

  assert {
    condition     = alltrue([for instance in values(aws_instance.this) : instance.root_block_device[0].encrypted && instance.root_block_device[0].volume_type == "gp3"])
    error_message = "every root volume is gp3 and encrypted"
  }

  assert {
    condition     = toset([for volume in values(aws_ebs_volume.node) : volume.availability_zone]) == toset(["eu-central-1a", "eu-central-1b", "eu-central-1c"])
    error_message = "three nodes are in three zones"
  }

  assert {
    condition = alltrue([for id in keys(var.nodes) :
      one([for subnet in aws_subnet.private : subnet.availability_zone if subnet.id == aws_instance.this["node-${id}"].subnet_id]) == aws_ebs_volume.node[id].availability_zone
      && aws_volume_attachment.node[id].volume_id == aws_ebs_volume.node[id].id
      && aws_volume_attachment.node[id].instance_id == aws_instance.this["node-${id}"].id
    ])
    error_message = "a volume is attached to its node, in the zone of that"
  }

  assert {
    condition     = alltrue([for instance in values(aws_instance.this) : instance.metadata_options[0].http_tokens == "required" && instance.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "IMDSv2 is required"
  }

  assert {
    condition     = alltrue([for subnet in concat(aws_subnet.private, aws_subnet.public) : subnet.map_public_ip_on_launch != true]) && aws_lb.this.internal
    error_message = "nothing gets a public address"
  }

  assert {
    condition = toset([for rule in values(aws_vpc_security_group_ingress_rule.flow) :
      "${rule.referenced_security_group_id} > ${rule.security_group_id} ${rule.ip_protocol} ${rule.from_port}-${rule.to_port}"
      ]) == toset([
      "sg-node > sg-node tcp 23801-23801",
      "sg-proxy > sg-node tcp 23801-23801",
      "sg-api > sg-proxy tcp 2379-2379",
      "sg-api > sg-proxy tcp 23901-23901",
      "sg-client > sg-api tcp 2379-2379",
      "sg-client > sg-node tcp 23901-23901",
      "sg-client > sg-proxy tcp 23901-23901",
    ])
    error_message = "exactly these ways in, and no others"
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.client_cidr) == 0 && alltrue([for rule in values(aws_vpc_security_group_ingress_rule.flow) : rule.cidr_ipv4 == null && rule.cidr_ipv6 == null])
    error_message = "by default no network is let in, only groups"
  }

  assert {
    condition     = toset([for rule in values(aws_vpc_security_group_egress_rule.out) : "${rule.security_group_id} ${rule.from_port}-${rule.to_port}"]) == toset(["sg-node 80-80", "sg-node 443-443", "sg-proxy 80-80", "sg-proxy 443-443", "sg-client 80-80", "sg-client 443-443"])
    error_message = "ways out: updates and AWS; the load balancer has none"
  }

  assert {
    condition = alltrue(flatten([for policy in values(aws_iam_role_policy.this) : [for statement in jsondecode(policy.policy).Statement : [
      for action in statement.Action : !strcontains(action, "*")
    ]]]))
    error_message = "no action is a wildcard"
  }

  assert {
    condition = alltrue(flatten([for policy in values(aws_iam_role_policy.this) : [for statement in jsondecode(policy.policy).Statement :
      statement.Resource != "*"
      || statement.Sid == "Sessions" && alltrue([for action in statement.Action : can(regex("^(ssmmessages:|ec2messages:|ssm:UpdateInstanceInformation$)", action))])
      || statement.Sid == "Metrics" && jsonencode(statement.Action) == "[\"cloudwatch:PutMetricData\"]" && try(statement.Condition.StringEquals["cloudwatch:namespace"], "") == "Conclave/conclave"
    ]]))
    error_message = "only actions that know no resources are allowed on all"
  }

  assert {
    condition = alltrue([for program, policy in aws_iam_role_policy.this : alltrue([for statement in jsondecode(policy.policy).Statement :
      alltrue([for resource in statement.Resource : startswith(resource, "arn:aws:ssm:eu-central-1:123456789012:parameter/conclave/conclave/${program}/") && !strcontains(resource, "*")])
      if statement.Sid == "OwnCertificate"
    ])])
    error_message = "an instance reads its own certificate and key, and no other's"
  }

  assert {
    condition = alltrue([for program, policy in aws_iam_role_policy.this : alltrue([for statement in jsondecode(policy.policy).Statement :
      can(statement.Condition.StringEquals) if contains(flatten([statement.Action]), "kms:Decrypt")
    ])])
    error_message = "the key serves an instance for its own parameters and the bucket alone"
  }

  assert {
    condition = alltrue([for program, policy in aws_iam_role_policy.this :
      strcontains(policy.policy, "s3:PutObject") == startswith(program, "client-")
    ])
    error_message = "only the client writes to the bucket"
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled" && aws_s3_bucket_public_access_block.this.block_public_acls && aws_s3_bucket_public_access_block.this.block_public_policy && aws_s3_bucket_public_access_block.this.ignore_public_acls && aws_s3_bucket_public_access_block.this.restrict_public_buckets
    error_message = "the bucket has versions, and nothing of it is public"
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).kms_master_key_id == aws_kms_key.this.arn && aws_kms_key.this.enable_key_rotation
    error_message = "the bucket is encrypted with the cluster's key"
  }

  assert {
    condition     = aws_lb.this.load_balancer_type == "network" && aws_lb_listener.this.protocol == "TCP" && aws_lb_target_group.proxy.health_check[0].path == "/readyz" && aws_lb_target_group.proxy.health_check[0].port == "23901"
    error_message = "the load balancer passes TLS through to proxies that are ready"
  }

  assert {
    condition     = aws_lb_target_group.proxy.health_check[0].interval * aws_lb_target_group.proxy.health_check[0].unhealthy_threshold + aws_lb_target_group.proxy.health_check[0].timeout < 25
    error_message = "the load balancer notices that a proxy stops while that still accepts"
  }

  assert {
    condition     = aws_route53_record.this["node-1"].name == "node-1.conclave.internal" && length(aws_route53_zone.this.vpc) == 1
    error_message = "nodes have names in a private zone"
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.status) == 7 && length(aws_cloudwatch_metric_alarm.disk) == 3 && alltrue([for alarm in values(aws_cloudwatch_metric_alarm.disk) : tolist(alarm.alarm_actions)[0] == aws_sns_topic.alarms.arn])
    error_message = "each instance and each disk has an alarm"
  }

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.node)) == toset(keys(var.nodes)) && alltrue([for id, alarm in aws_cloudwatch_metric_alarm.node :
      alarm.treat_missing_data == "breaching" && alarm.dimensions == tomap({ Program = "node-${id}" }) && tolist(alarm.alarm_actions)[0] == aws_sns_topic.alarms.arn
    ])
    error_message = "a node that is not ready, or silent, is an alarm"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.out_of_space.metric_name == "OutOfSpace" && tolist(aws_cloudwatch_metric_alarm.out_of_space.alarm_actions)[0] == aws_sns_topic.alarms.arn
    error_message = "a state that has outgrown its quota is an alarm"
  }

  assert {
    condition     = alltrue([for program, policy in aws_iam_role_policy.this : strcontains(policy.policy, "/backups/") == startswith(program, "client-")])
    error_message = "only the client reads backups"
  }

  assert {
    condition     = length(aws_s3_bucket.replica) == 0 && length(aws_iam_role.replication) == 0
    error_message = "by default there is no copy of the bucket"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway"
    error_message = "one NAT gateway, and a free endpoint for S3"
  }
}

run "user_data" {
  command = apply

  assert {
    condition     = alltrue([for made in values(module.user_data) : startswith(made.cloud_config, "#cloud-config\n") && can(yamldecode(made.cloud_config)) && length(base64gzip(made.cloud_config)) < 16384])
    error_message = "user data is cloud-init's YAML, and fits"
  }

  assert {
    condition = { for file in yamldecode(module.user_data["node-2"].cloud_config).write_files : file.path => file.content }["/etc/conclave/node.toml"] == join("\n", [
      "id = 2",
      "cluster = \"conclave\"",
      "listen = \"0.0.0.0:23801\"",
      "data-dir = \"/var/lib/conclave/node\"",
      "peers = [\"1=node-1.conclave.internal:23801\",\"2=node-2.conclave.internal:23801\",\"3=node-3.conclave.internal:23801\"]",
      "priority = 0",
      "metrics-listen = \"0.0.0.0:23901\"",
      "log-format = \"json\"",
      "tls-cert = \"/etc/conclave/tls/tls.crt\"",
      "tls-key = \"/etc/conclave/tls/tls.key\"",
      "tls-ca = \"/etc/conclave/tls/ca.crt\"",
      "\n",
    ])
    error_message = "the configuration of node 2"
  }

  assert {
    condition = alltrue([for program in ["node-1", "proxy-1"] : anytrue([for file in yamldecode(module.user_data[program].cloud_config).write_files :
      file.path == "/usr/lib/systemd/system/conclave-${split("-", program)[0]}.service" && file.content == file("../systemd/conclave-${split("-", program)[0]}.service")
    ])])
    error_message = "the units are those of deploy/systemd, where a newer package puts its own"
  }

  assert {
    condition = alltrue([for metric in flatten([values(aws_cloudwatch_metric_alarm.node)[*].metric_name, values(aws_cloudwatch_metric_alarm.disk)[*].metric_name, aws_cloudwatch_metric_alarm.out_of_space.metric_name]) :
      strcontains({ for file in yamldecode(module.user_data["node-1"].cloud_config).write_files : file.path => file.content }["/usr/local/sbin/conclave-report"], "add ${metric} ")
    ])
    error_message = "what the alarms look at is reported"
  }

  assert {
    condition     = strcontains(module.user_data["node-1"].cloud_config, "resize2fs")
    error_message = "a volume that has grown is used to its end"
  }

  assert {
    condition     = strcontains({ for file in yamldecode(module.user_data["proxy-1"].cloud_config).write_files : file.path => file.content }["/etc/conclave/proxy.toml"], "\ndrain-seconds = 25\n")
    error_message = "a proxy drains for longer than the load balancer needs to notice"
  }

  assert {
    condition     = !anytrue([for made in values(module.user_data) : strcontains(made.cloud_config, "conclave-restore")])
    error_message = "nodes wait for no backup"
  }

  assert {
    condition     = strcontains(module.user_data["node-1"].cloud_config, "nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0") && strcontains(module.user_data["node-1"].cloud_config, "blkid --probe")
    error_message = "a node mounts its own volume, and looks before it formats"
  }

  assert {
    condition     = !anytrue([for made in values(module.user_data) : strcontains(made.cloud_config, "PRIVATE KEY")])
    error_message = "no key is in user data"
  }
}

run "another_type" {
  command = plan

  variables {
    node_instance_type = "m6i.large"
    ami_id             = "ami-0123456789abcdef1"
  }

  assert {
    condition     = alltrue([for instance in values(aws_instance.this) : instance.instance_type != "m6i.large" && instance.ami == "ami-0123456789abcdef0"])
    error_message = "a type or an image is taken over by replacing, never by all at the same time"
  }
}

run "a_restored_cluster" {
  command = apply

  variables {
    restore = true
  }

  assert {
    condition = strcontains({ for file in yamldecode(module.user_data["node-2"].cloud_config).write_files : file.path => file.content }["/usr/local/sbin/conclave-restore"], join("", [
      "--id 2 --cluster conclave \\\n    --peers 1=node-1.conclave.internal:23801,2=node-2.conclave.internal:23801,3=node-3.conclave.internal:23801 --data-dir /var/lib/conclave/node\n",
    ]))
    error_message = "a node is restored as what it is"
  }

  assert {
    condition     = { for file in yamldecode(module.user_data["node-2"].cloud_config).write_files : file.path => file.content }["/etc/systemd/system/conclave-node.service.d/restore.conf"] == file("modules/user_data/templates/restore.conf")
    error_message = "it does not start without its data"
  }

  assert {
    condition     = !anytrue([for program in ["proxy-1", "client-1"] : strcontains(module.user_data[program].cloud_config, "conclave-restore")])
    error_message = "that is for nodes"
  }

  assert {
    condition = alltrue([for program, policy in aws_iam_role_policy.this :
      toset(flatten([for statement in jsondecode(policy.policy).Statement : statement.Action if try(endswith(statement.Resource, "/backups/*"), false)])) == toset({ node = ["s3:GetObject"], proxy = [], client = ["s3:GetObject", "s3:PutObject"] }[split("-", program)[0]])
    ])
    error_message = "nodes read backups, and write none"
  }

  assert {
    condition     = alltrue([for made in values(module.user_data) : length(base64gzip(made.cloud_config)) < 16384])
    error_message = "user data fits"
  }
}

run "a_node_is_rescued" {
  command = apply

  variables {
    rescue_nodes = ["2"]
  }

  assert {
    condition     = toset([for program, policy in aws_iam_role_policy.this : program if strcontains(policy.policy, "s3:PutObject") && strcontains(policy.policy, "kms:GenerateDataKey")]) == toset(["node-2", "client-1"])
    error_message = "that node may store a backup, and no other"
  }
}

run "a_copy_of_the_bucket" {
  command = apply

  variables {
    replica_region = "eu-west-1"
  }

  assert {
    condition     = aws_s3_bucket_versioning.replica[0].versioning_configuration[0].status == "Enabled" && aws_s3_bucket_public_access_block.replica[0].restrict_public_buckets && one(one(aws_s3_bucket_server_side_encryption_configuration.replica[0].rule).apply_server_side_encryption_by_default).kms_master_key_id == aws_kms_key.replica[0].arn
    error_message = "the copy is kept like the bucket, with a key of its region"
  }

  assert {
    condition     = one(aws_s3_bucket_replication_configuration.this[0].rule).destination[0].bucket == aws_s3_bucket.replica[0].arn && one(aws_s3_bucket_replication_configuration.this[0].rule).delete_marker_replication[0].status == "Disabled"
    error_message = "everything goes there; what is deleted here stays there"
  }

  assert {
    condition = alltrue([for statement in jsondecode(aws_iam_role_policy.replication[0].policy).Statement :
      statement.Resource != "*" && alltrue([for action in statement.Action : !strcontains(action, "*") && !strcontains(action, "Delete")])
      && (can(statement.Condition.StringEquals) || !anytrue([for action in statement.Action : startswith(action, "kms:")]))
    ])
    error_message = "it may copy, and nothing else"
  }
}

run "a_node_that_joins" {
  command = apply

  variables {
    nodes = { "1" = {}, "2" = {}, "4" = { zone = 2, join = true } }
  }

  assert {
    condition     = strcontains(module.user_data["node-4"].cloud_config, "join = true") && !strcontains(module.user_data["node-4"].cloud_config, "peers = ")
    error_message = "it waits until it is added"
  }

  assert {
    condition     = aws_ebs_volume.node["4"].availability_zone == "eu-central-1c"
    error_message = "it is where the lost one was"
  }
}

run "a_peered_network" {
  command = plan

  variables {
    client_cidrs = ["192.0.2.0/24"]
    zone_vpcs    = ["vpc-0123456789abcdef0"]
    nat_per_zone = true
  }

  assert {
    condition     = [for rule in values(aws_vpc_security_group_ingress_rule.client_cidr) : "${rule.cidr_ipv4} ${rule.from_port}-${rule.to_port}"] == ["192.0.2.0/24 2379-2379"]
    error_message = "it reaches the load balancer's port alone"
  }

  assert {
    condition     = length(aws_route53_zone.this.vpc) == 2 && contains(aws_route53_zone.this.vpc[*].vpc_id, "vpc-0123456789abcdef0")
    error_message = "it knows the names"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "a NAT gateway in each zone"
  }
}

run "wrong_values" {
  command = plan

  variables {
    region             = "Frankfurt"
    cluster            = "Conclave!"
    domain             = "internal"
    vpc_cidr           = "10.0.0.0/30"
    nodes              = { "1" = {}, "x" = { zone = 3, priority = -1 } }
    proxy_count        = 0
    client_count       = 2
    node_instance_type = "large"
    volume_gib         = 1
    volume_iops        = 100
    volume_mib_per_s   = 2000
    package_key        = "conclave.deb"
    client_cidrs       = ["0.0.0.0/0"]
    backup_days        = 0
    alarm_email        = "nobody"
    zone_vpcs          = ["peer"]
  }

  expect_failures = [
    var.region, var.cluster, var.domain, var.vpc_cidr, var.nodes, var.proxy_count, var.client_count,
    var.node_instance_type, var.volume_gib, var.volume_iops, var.volume_mib_per_s, var.package_key,
    var.client_cidrs, var.backup_days, var.alarm_email, var.zone_vpcs,
  ]
}

# What is compared with another value, which must be right itself.
run "values_that_do_not_fit" {
  command = plan

  variables {
    restore        = true
    nodes          = { "1" = {}, "2" = {}, "4" = { zone = 2, join = true } }
    rescue_nodes   = ["9"]
    replica_region = "eu-central-1"
  }

  expect_failures = [var.restore, var.rescue_nodes, var.replica_region]
}
