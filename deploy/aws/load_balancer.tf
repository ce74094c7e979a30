resource "aws_lb" "this" {
  name                             = var.cluster
  load_balancer_type               = "network"
  internal                         = true
  subnets                          = aws_subnet.private[*].id
  security_groups                  = [aws_security_group.this["api"].id]
  enable_cross_zone_load_balancing = true

  tags = { Name = var.cluster }
}

# TLS ends at the proxy, which checks the client's certificate: the load balancer has no key.
resource "aws_lb_target_group" "proxy" {
  name                 = "${var.cluster}-proxy"
  port                 = 2379
  protocol             = "TCP"
  target_type          = "instance"
  vpc_id               = aws_vpc.this.id
  preserve_client_ip   = true
  deregistration_delay = 30

  # A proxy that is told to stop is not ready at once, and accepts for 25 s more (drain-seconds): twice 5 s until the load
  # balancer has noticed, and the rest until it has told everybody.
  health_check {
    protocol            = "HTTP"
    port                = "23901"
    path                = "/readyz"
    interval            = 5
    timeout             = 4
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "this" {
  load_balancer_arn = aws_lb.this.arn
  port              = 2379
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.proxy.arn
  }
}

resource "aws_lb_target_group_attachment" "proxy" {
  for_each = toset([for program, kind in local.programs : program if kind == "proxy"])

  target_group_arn = aws_lb_target_group.proxy.arn
  target_id        = aws_instance.this[each.key].id
  port             = 2379
}
