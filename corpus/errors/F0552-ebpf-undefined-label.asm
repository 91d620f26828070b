        goto nowhere
        exit
