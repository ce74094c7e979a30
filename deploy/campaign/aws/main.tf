# Campaigns as array jobs of AWS Batch on Spot instances: a machine runs a shard, and copies its results to a bucket.
data "aws_caller_identity" "this" {}

resource "aws_s3_bucket" "this" {
  bucket = "${var.name}-${data.aws_caller_identity.this.account_id}-${var.region}"
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "results"
    status = "Enabled"

    filter {}

    expiration {
      days = var.results_days
    }
  }
}

# Nothing comes in.
resource "aws_security_group" "this" {
  name        = var.name
  description = "Machines of campaigns: they call the registry and S3"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.this.id
  description       = "HTTPS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_batch_compute_environment" "this" {
  compute_environment_name = var.name
  type                     = "MANAGED"
  service_role             = aws_iam_role.this["batch"].arn

  compute_resources {
    type                = "SPOT"
    allocation_strategy = "SPOT_PRICE_CAPACITY_OPTIMIZED"
    instance_role       = aws_iam_instance_profile.this.arn
    instance_type       = var.instance_types
    min_vcpus           = 0
    max_vcpus           = var.vcpus_max
    subnets             = var.subnet_ids
    security_group_ids  = [aws_security_group.this.id]
  }

  depends_on = [aws_iam_role_policy_attachment.this]
}

resource "aws_batch_job_queue" "this" {
  name     = var.name
  state    = "ENABLED"
  priority = 1

  compute_environment_order {
    order               = 1
    compute_environment = aws_batch_compute_environment.this.arn
  }
}

resource "aws_batch_job_definition" "this" {
  name                  = var.name
  type                  = "container"
  platform_capabilities = ["EC2"]

  # What is run is a parameter: the seed, and for how long.
  parameters = {
    seed = "1"
    time = "1h"
    name = "campaign"
  }

  container_properties = jsonencode({
    image      = var.image
    jobRoleArn = aws_iam_role.this["shard"].arn
    command = [
      "/usr/bin/to-s3", "s3://${aws_s3_bucket.this.bucket}/Ref::name", "--seed", "Ref::seed", "--time", "Ref::time",
    ]
    readonlyRootFilesystem = false
    user                   = "10001:10001"
    resourceRequirements = [
      { type = "VCPU", value = tostring(var.vcpus_per_shard) },
      { type = "MEMORY", value = tostring(var.vcpus_per_shard * var.memory_mib_per_vcpu) },
    ]
  })

  timeout {
    attempt_duration_seconds = var.hours_max * 3600
  }

  # A machine that was taken away is no verdict: its shard begins again. A red one has told what it found.
  retry_strategy {
    attempts = 5

    evaluate_on_exit {
      on_status_reason = "Host EC2*"
      action           = "RETRY"
    }
    evaluate_on_exit {
      on_reason = "*"
      action    = "EXIT"
    }
  }
}
