        r2 = 5
        call bpf_ktime_get_ns
        r0 = r2
        exit
