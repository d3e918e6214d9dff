"""The one place that calls suppliers: send once, time-outs, pools, proxy, bounded answers, redaction."""
