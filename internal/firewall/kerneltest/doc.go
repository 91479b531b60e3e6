// Package kerneltest compares the evaluator of internal/firewall with the
// kernel: it makes rulesets and packets, loads the rulesets into a network
// namespace of its own, sends the packets for real, and demands the same answer.
//
// It is only a test. It needs root, Linux, nft, iptables and ipset, and says so
// where they are missing. SSHWHY_FUZZ_FIREWALL=N compares at least N pairs of
// ruleset and packet (`make fuzz-firewall`); SSHWHY_FUZZ_SEED picks the first seed,
// SSHWHY_FUZZ_UNCERTAIN how many of 1000 rules hold something undecidable (4).
package kerneltest
