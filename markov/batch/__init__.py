"""Many workbooks and scenarios in one command: jobs, a store of their results, engines that compute, a summary."""
