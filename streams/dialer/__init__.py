"""A reference dialer: what any dialer does with callback-jobs and callback-results, and a kit that tests others."""
