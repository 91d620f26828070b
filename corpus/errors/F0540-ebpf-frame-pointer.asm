        .insn 0xb7, 10, 0, 0, 0
        exit
