"""What tests work with.

For authors of plugins: `provider_contract`, the law that every provider keeps, as a test class to inherit, and
`raw_supplier`, a supplier that misbehaves exactly as a test says.

For the gateway's own tests and benches, and of no promise to others: suppliers, time and servers to test with
(`scripted_supplier`, `simulated_time`, `postgres_server`, `redis_server`, `unsynced`), the gateway as processes
(`processes`, `site`, `supplied`, `cluster`), and the runs that break something and count afterwards (`crash_run`,
`cluster_run`, `quota_run`, `slow_clients`, all by `counting`).
"""
