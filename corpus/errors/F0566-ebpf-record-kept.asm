        r1 = map[idx:2] ll
        r2 = 16
        r3 = 0
        call bpf_ringbuf_reserve
        r0 = 0
        exit
