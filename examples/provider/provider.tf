# Nothing has to be said: server programs are found on the search path (Debian, Ubuntu: apt-get install redis-server), and the key with
# which clusters on this machine are operated is made when it is first needed.
provider "justmanage" {
  # Programs from elsewhere, besides the search path:
  artifacts = [
    { directory = "/opt/redis-7.2" },
    # On servers of your own, the package of their distribution: exact, held, and run as a copy.
    { distribution = true, engine = "valkey" },
  ]

  # Where clusters on this machine keep their data.
  local = {
    directory = "/var/lib/justmanage"
  }

  # Servers of your own are reached as ssh would reach them; or with a key that is stored nowhere.
  ssh = {
    private_key = var.ssh_key
  }
}

variable "ssh_key" {
  description = "A private key that logs in to servers. It never enters Terraform's state, nor a plan."
  type        = string
  sensitive   = true
  ephemeral   = true
}
