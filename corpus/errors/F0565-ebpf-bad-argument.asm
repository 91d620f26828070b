        ; A ring buffer has no keys.
        r1 = map[idx:2] ll
        r2 = r10
        call bpf_map_lookup_elem
        r0 = 0
        exit
