resource "aws_route53_zone" "this" {
  name    = var.domain
  comment = "Conclave cluster ${var.cluster}"

  vpc {
    vpc_id = aws_vpc.this.id
  }

  dynamic "vpc" {
    for_each = var.zone_vpcs

    content {
      vpc_id = vpc.value
    }
  }
}

# The name stays when the instance is replaced: members know each other by it.
resource "aws_route53_record" "this" {
  for_each = local.programs

  zone_id = aws_route53_zone.this.zone_id
  name    = "${each.key}.${var.domain}"
  type    = "A"
  ttl     = 10
  records = [aws_instance.this[each.key].private_ip]
}

resource "aws_route53_record" "api" {
  zone_id = aws_route53_zone.this.zone_id
  name    = "api.${var.domain}"
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = false
  }
}
