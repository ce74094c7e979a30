resource "aws_sns_topic" "alarms" {
  name = "${var.cluster}-alarms"
}

resource "aws_sns_topic_subscription" "email" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_metric_alarm" "status" {
  for_each = local.programs

  alarm_name          = "${var.cluster}-${each.key}-status"
  alarm_description   = "The instance of ${each.key} fails its status checks. Replace it: deploy/README.md, 'Replacing an instance'."
  namespace           = "AWS/EC2"
  metric_name         = "StatusCheckFailed"
  dimensions          = { InstanceId = aws_instance.this[each.key].id }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "disk" {
  for_each = var.nodes

  alarm_name          = "${var.cluster}-node-${each.key}-disk"
  alarm_description   = "The data volume of node ${each.key} is more than 60 % full, or says nothing. A snapshot needs as much room as the state."
  namespace           = local.metrics_namespace
  metric_name         = "DiskUsedPercent"
  dimensions          = { Program = "node-${each.key}" }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 60
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "node" {
  for_each = var.nodes

  alarm_name          = "${var.cluster}-node-${each.key}-ready"
  alarm_description   = "Node ${each.key} is not ready, or says nothing: its process is dead, is refused by the others, lags, or there is no leader. The rest of the cluster has one failure less to spare. journalctl -u conclave-node; docs/operations.md."
  namespace           = local.metrics_namespace
  metric_name         = "NodeReady"
  dimensions          = { Program = "node-${each.key}" }
  statistic           = "Minimum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 4
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "out_of_space" {
  alarm_name          = "${var.cluster}-out-of-space"
  alarm_description   = "NOSPACE: the state has outgrown its quota, nothing more is put. Compact, delete, and clear the alarm: conclave alarm --help."
  namespace           = local.metrics_namespace
  metric_name         = "OutOfSpace"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 2
  # If no node says anything, the alarms of the nodes do.
  treat_missing_data = "ignore"
  alarm_actions      = [aws_sns_topic.alarms.arn]
  ok_actions         = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "volume" {
  for_each = var.nodes

  alarm_name          = "${var.cluster}-node-${each.key}-volume"
  alarm_description   = "The data volume of node ${each.key} does not answer."
  namespace           = "AWS/EBS"
  metric_name         = "VolumeStalledIOCheck"
  dimensions          = { VolumeId = aws_ebs_volume.node[each.key].id }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "proxies" {
  alarm_name          = "${var.cluster}-proxies"
  alarm_description   = "A proxy is not ready: it is down, or finds no leader."
  namespace           = "AWS/NetworkELB"
  metric_name         = "UnHealthyHostCount"
  dimensions          = { LoadBalancer = aws_lb.this.arn_suffix, TargetGroup = aws_lb_target_group.proxy.arn_suffix }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "backup" {
  count = var.client_count

  alarm_name          = "${var.cluster}-backup"
  alarm_description   = "No backup was stored for a day and a half."
  namespace           = local.metrics_namespace
  metric_name         = "BackupDone"
  dimensions          = { Program = "client-1" }
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 43200
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
