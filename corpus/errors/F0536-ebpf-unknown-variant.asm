        ; An atomic instruction that is none of the ten.
        .insn 0xdb, 1, 2, 0, 2
        exit
