# Nobody is asked: the list comes with the provider.
data "justmanage_machine_types" "large" {
  cloud  = "aws"
  region = "eu-central-1"
  memory = "16GiB"
}

output "cheapest" {
  description = "The three cheapest types with 16 GiB, with what they cost in a month, in US dollars."
  value       = { for kind in slice(data.justmanage_machine_types.large.types, 0, 3) : kind.name => kind.monthly }
}
