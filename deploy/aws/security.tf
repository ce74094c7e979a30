locals {
  groups = {
    node   = "Nodes of ${var.cluster}"
    proxy  = "Proxies of ${var.cluster}"
    client = "Clients of ${var.cluster}"
    api    = "Load balancer of ${var.cluster}"
  }

  # Who may reach whom. There is no other way in: no port 22, sessions go through SSM.
  flows = {
    node-node      = { from = "node", to = "node", port = 23801, why = "Raft" }
    proxy-node     = { from = "proxy", to = "node", port = 23801, why = "Requests" }
    api-proxy      = { from = "api", to = "proxy", port = 2379, why = "Clients, through the load balancer" }
    api-ready      = { from = "api", to = "proxy", port = 23901, why = "The load balancer's health check" }
    client-api     = { from = "client", to = "api", port = 2379, why = "Clients" }
    client-metrics = { from = "client", to = "node", port = 23901, why = "Metrics" }
    client-health  = { from = "client", to = "proxy", port = 23901, why = "Metrics" }
  }

  # Instances fetch the package, their certificate, sessions and security updates; they are never reached from there.
  ways_out = { for pair in setproduct(["node", "proxy", "client"], [80, 443]) : "${pair[0]}-${pair[1]}" => { from = pair[0], port = pair[1] } }
}

resource "aws_security_group" "this" {
  for_each = local.groups

  name        = "${var.cluster}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.cluster}-${each.key}" }
}

# Nobody gets what the VPC's own group allows.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "flow" {
  for_each = local.flows

  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.value.why
}

resource "aws_vpc_security_group_egress_rule" "flow" {
  for_each = local.flows

  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.value.why
}

resource "aws_vpc_security_group_ingress_rule" "client_cidr" {
  for_each = toset(var.client_cidrs)

  security_group_id = aws_security_group.this["api"].id
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 2379
  to_port           = 2379
  description       = "Clients outside of the VPC"
}

resource "aws_vpc_security_group_egress_rule" "out" {
  for_each = local.ways_out

  security_group_id = aws_security_group.this[each.value.from].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  description       = "AWS and security updates"
}
