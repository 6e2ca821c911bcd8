# Servers that are there already. Whose keys log in is the provider's to say (`ssh`), so nothing here is secret.
resource "justmanage_server_pool" "rack" {
  user = "admin" # root, or somebody who may use sudo without a password

  # Behind a host that is reached from outside.
  jump_hosts = {
    gate = {
      address   = "gate.example.com"
      user      = "ops"
      host_keys = ["SHA256:yXThe45zIc6MEpg949DtSiiYIfV5u+CSWwGBpLyOjYA"]
    }
  }

  servers = [
    {
      address   = "10.0.0.11"
      jump      = "gate"
      zone      = "a" # nodes of a shard go to different zones
      labels    = { disk = "nvme" }
      host_keys = ["SHA256:T8grJq7LR9KGjE7741gXMqPny8xsLvsyBiwIFwoF7rg"] # ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub
    },
    {
      address   = "10.0.0.12"
      jump      = "gate"
      zone      = "b"
      labels    = { disk = "nvme" }
      host_keys = ["SHA256:a1HUMd9dfxQcvs7M957fPdhhw7QGnwsRZho+76y7qRg"]
    },
    {
      address   = "10.0.0.13"
      jump      = "gate"
      zone      = "b"
      host_keys = ["SHA256:P9ujXwTcjEYphsmSvPh1VGJXETByqQnBYvfkcOWB4ng"]
      hidden    = true # no cluster takes it; what is there stays
    },
  ]
}

output "definition" {
  description = "All of that as one text."
  value       = justmanage_server_pool.rack.definition
}
