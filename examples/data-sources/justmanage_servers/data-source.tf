resource "justmanage_server_pool" "rack" {
  user = "admin"

  servers = [
    { address = "10.0.0.11", zone = "a", labels = { disk = "nvme" } },
    { address = "10.0.0.12", zone = "b", labels = { disk = "nvme" } },
    { address = "10.0.0.13", zone = "c" },
  ]
}

# Each of them is asked over SSH, all at once.
data "justmanage_servers" "rack" {
  pool = justmanage_server_pool.rack.definition
}

output "free" {
  description = "Servers that a cluster can have, with their memory in GiB."
  value = {
    for server in data.justmanage_servers.rack.servers :
    server.address => floor(server.memory / pow(1024, 3)) if server.state == "free"
  }
}

output "to_be_mended" {
  description = "Servers that cannot be used, and why."
  value = {
    for server in data.justmanage_servers.rack.servers :
    server.address => server.missing if length(server.missing) > 0
  }
}
