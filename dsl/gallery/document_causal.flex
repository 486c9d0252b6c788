# Packed documents, causal within each: positions count from the start of the token's document.
# example: flexc run document_causal --random 1,2,2,1024,1024,64,64
tensor doc: i32[KV]
tensor starts: i32[N]

def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx

def per_document(inner):
    """`inner` sees positions inside the document, whatever else is packed beside it."""

    def keep(b, h, q_idx, kv_idx):
        q_doc, kv_doc = doc[q_idx], doc[kv_idx]
        return (q_doc == kv_doc) & inner(b, h, q_idx - starts[q_doc], kv_idx - starts[kv_doc])

    return keep

mask_mod = per_document(causal)
