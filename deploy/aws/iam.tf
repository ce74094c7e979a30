# One role per instance: each reads its own certificate and no other's key. AWS's own AmazonSSMManagedInstanceCore is not
# used: it lets every instance read every parameter of the account.
locals {
  programs = merge(
    { for id in keys(var.nodes) : "node-${id}" => "node" },
    { for n in range(var.proxy_count) : "proxy-${n + 1}" => "proxy" },
    { for n in range(var.client_count) : "client-${n + 1}" => "client" },
  )

  parameters    = { for program in keys(local.programs) : program => "/conclave/${var.cluster}/${program}" }
  parameter_arn = "arn:aws:ssm:${var.region}:${local.account}:parameter"
  certificates = {
    node   = ["ca.crt", "tls.crt", "tls.key"]
    proxy  = ["ca.crt", "tls.crt", "tls.key"]
    client = ["ca.crt", "tls.crt", "tls.key", "operator.crt", "operator.key"]
  }
  parameter_arns = {
    for program, kind in local.programs : program =>
    [for file in local.certificates[kind] : "${local.parameter_arn}${local.parameters[program]}/${file}"]
  }
  metrics_namespace = "Conclave/${var.cluster}"

  # Who writes to the bucket.
  stores = { for program, kind in local.programs : program => kind == "client" || contains([for id in var.rescue_nodes : "node-${id}"], program) }

  # These actions know no resources; the last has a condition instead.
  session_actions = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
  ]
}

resource "aws_iam_role" "this" {
  for_each = local.programs

  name = "${var.cluster}-${var.region}-${each.key}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_instance_profile" "this" {
  for_each = local.programs

  name = aws_iam_role.this[each.key].name
  role = aws_iam_role.this[each.key].name
}

resource "aws_iam_role_policy" "this" {
  for_each = local.programs

  name = "conclave"
  role = aws_iam_role.this[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "Sessions"
        Effect   = "Allow"
        Action   = local.session_actions
        Resource = "*"
      },
      {
        Sid      = "OwnCertificate"
        Effect   = "Allow"
        Action   = ["ssm:GetParameter"]
        Resource = local.parameter_arns[each.key]
      },
      {
        Sid       = "DecryptOwnCertificate"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = aws_kms_key.this.arn
        Condition = { StringEquals = { "kms:EncryptionContext:PARAMETER_ARN" = local.parameter_arns[each.key] } }
      },
      {
        Sid      = "Package"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = "${aws_s3_bucket.this.arn}/packages/*"
      },
      {
        Sid       = "Bucket"
        Effect    = "Allow"
        Action    = local.stores[each.key] ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
        Resource  = aws_kms_key.this.arn
        Condition = { StringEquals = { "kms:EncryptionContext:aws:s3:arn" = aws_s3_bucket.this.arn } }
      },
      ],
      [for statement in [{
        Sid       = "Metrics"
        Effect    = "Allow"
        Action    = ["cloudwatch:PutMetricData"]
        Resource  = "*"
        Condition = { StringEquals = { "cloudwatch:namespace" = local.metrics_namespace } }
      }] : statement if each.value != "proxy"],
      [for statement in [
        {
          Sid      = "Restore"
          Effect   = "Allow"
          Action   = ["s3:GetObject"]
          Resource = "${aws_s3_bucket.this.arn}/backups/*"
        },
      ] : statement if each.value == "node" && var.restore],
      [for statement in [
        {
          Sid      = "Rescue"
          Effect   = "Allow"
          Action   = ["s3:PutObject"]
          Resource = "${aws_s3_bucket.this.arn}/backups/*"
        },
      ] : statement if each.value == "node" && local.stores[each.key]],
      [for statement in [
        {
          Sid      = "Backups"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:PutObject"]
          Resource = "${aws_s3_bucket.this.arn}/backups/*"
        },
        {
          Sid       = "ListBackups"
          Effect    = "Allow"
          Action    = ["s3:ListBucket"]
          Resource  = aws_s3_bucket.this.arn
          Condition = { StringLike = { "s3:prefix" = "backups/*" } }
        },
      ] : statement if each.value == "client"],
    )
  })
}
