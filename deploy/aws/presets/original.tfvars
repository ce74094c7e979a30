# The shape of the program that Conclave goes back to: two followers, a preferred leader, a proxy and a client,
# five instances.
nodes = {
  "1" = {}
  "2" = {}
  "3" = { priority = 10 }
}
proxy_count  = 1
client_count = 1
