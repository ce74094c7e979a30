# No instance and no zone is needed by itself: a node and a proxy in each of three zones.
nodes = {
  "1" = {}
  "2" = {}
  "3" = {}
}
proxy_count  = 3
client_count = 1
