        r1 = map[idx:2] ll
        r2 = 16
        r3 = 0
        call bpf_ringbuf_reserve
        if r0 == 0 goto full
        ; Records are written, and not changed in one step.
        r2 = 1
        lock *(u64 *)(r0 + 0) += r2
        r1 = r0
        r2 = 0
        call bpf_ringbuf_submit
full:   r0 = 0
        exit
