locals {
  roles = {
    batch    = "batch.amazonaws.com"
    instance = "ec2.amazonaws.com"
    shard    = "ecs-tasks.amazonaws.com"
  }
  managed = {
    batch    = "arn:aws:iam::aws:policy/service-role/AWSBatchServiceRole"
    instance = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
  }
}

resource "aws_iam_role" "this" {
  for_each = local.roles

  name = "${var.name}-${var.region}-${each.key}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = each.value }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.managed

  role       = aws_iam_role.this[each.key].name
  policy_arn = each.value
}

resource "aws_iam_instance_profile" "this" {
  name = "${var.name}-${var.region}"
  role = aws_iam_role.this["instance"].name
}

# A shard stores what it found, and nothing else.
resource "aws_iam_role_policy" "shard" {
  name = "results"
  role = aws_iam_role.this["shard"].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:PutObject"], Resource = "${aws_s3_bucket.this.arn}/*" },
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = aws_s3_bucket.this.arn },
    ]
  })
}
