; eBPF: nothing but this comment
