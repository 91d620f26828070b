        *(u32 *)(r10 - 4) = 0
        r2 = r10
        r2 += -4
        r1 = map[idx:0] ll
        call bpf_map_lookup_elem
        ; It may be null.
        r0 = *(u32 *)(r0 + 0)
        exit
