        r0 = *(u8 *)skb[4]
        exit
