# Nothing has to be said: server programs are found on the search path (Debian, Ubuntu: apt-get install redis-server), and the key with
# which clusters on this machine are operated is made when it is first needed.
provider "justmanage" {
  # Programs from elsewhere, besides the search path:
  artifacts = [
    { directory = "/opt/redis-7.2" },
  ]

  # Where clusters on this machine keep their data.
  local = {
    directory = "/var/lib/justmanage"
  }
}
