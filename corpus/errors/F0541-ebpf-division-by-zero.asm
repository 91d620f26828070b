        r0 = 8
        .insn 0x37, 0, 0, 0, 0
        exit
