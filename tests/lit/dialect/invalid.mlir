// What the verifiers refuse, by message.
// RUN: flexc-opt "%s" --split-input-file --verify-diagnostics

flex.variant {
  flex.capture @c0 : f32[H]
  flex.score_mod(%s, %b, %h, %q, %k) {
    // expected-error @+1 {{has 2 indices for 1 dims}}
    %0 = flex.gather @c0[%h, %q] : f32
    flex.yield %0 : f32
  }
}

// -----
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    // expected-error @+1 {{uses @c0, which is not declared}}
    %0 = flex.gather @c0[%h] : f32
    flex.yield %0 : f32
  }
}

// -----
flex.variant {
  flex.capture @c0 : i32[H]
  flex.score_mod(%s, %b, %h, %q, %k) {
    // expected-error @+1 {{reads 'i64' from this capture, not 'f32'}}
    %0 = flex.gather @c0[%h] : f32
    flex.yield %0 : f32
  }
}

// -----
flex.variant {
  // expected-error @+1 {{cannot hold elements of type 'f64'}}
  flex.capture @c0 : f64[H]
}

// -----
flex.variant {
  // expected-error @+1 {{must be named @c0: declarations are numbered}}
  flex.capture @slopes : f32[H]
}

// -----
flex.variant {
  // expected-error @+1 {{must yield 'i1'}}
  flex.mask_mod(%b, %h, %q, %k) {
    flex.yield %q : i64
  }
}

// -----
flex.variant {
  // expected-error @+1 {{expected 5 arguments}}
  flex.score_mod(%s, %b, %h, %q) {
    flex.yield %s : f32
  }
}

// -----
// expected-error @+1 {{has a mod twice}}
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    flex.yield %s : f32
  }
  flex.score_mod(%s, %b, %h, %q, %k) {
    flex.yield %s : f32
  }
}

// -----
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    // expected-error @+1 {{operand and result have one shape}}
    %0 = "flex.int_to_float"(%q) : (i64) -> !flex.row<f32 x 8>
    flex.yield %s : f32
  }
}

// -----
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    // expected-error @+1 {{combines by sum, min or max, not by product}}
    %0 = flex.reduce product 8 (%i) {
      flex.yield %s : f32
    } : f32
    flex.yield %0 : f32
  }
}

// -----
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    // expected-error @+1 {{expected a size: a number, one of B, H, HKV, Q, KV, or n0}}
    %0 = flex.dim width
    flex.yield %s : f32
  }
}

// -----
flex.variant {
  flex.capture @c0 : i64[KV]
  flex.score_mod(%s, %b, %h, %q, %k) {
    // expected-error @+1 {{reads 'i64' from this capture, not 'i32'}}
    %0 = flex.gather @c0[%k] : i32
    flex.yield %s : f32
  }
}

// -----
flex.variant {
  flex.capture @c0 : f32[Q, KV]
  flex.score_mod(%s, %b, %h, %q, %k) {
    // expected-error @+1 {{expected an index}}
    %0 = flex.gather @c0[%q, ] : f32
    flex.yield %s : f32
  }
}

// -----
flex.variant {
  flex.score_mod(%s, %b, %h, %q, %k) {
    // What saturates at 64 bits has no 32-bit form.
    // expected-error @+1 {{result #0 must be}}
    %0 = "flex.float_to_int"(%s) : (f32) -> i32
    flex.yield %s : f32
  }
}

// -----
flex.variant {
  // expected-error @+1 {{must yield one or two intervals, as two or four 'i64'}}
  flex.band(%b, %h, %q) {
    flex.yield %q, %q, %q : i64, i64, i64
  }
}

// -----
flex.variant {
  // expected-error @+1 {{expected 3 arguments}}
  flex.band(%b, %h, %q, %k) {
    flex.yield %q, %q : i64, i64
  }
}

// -----
// expected-error @+1 {{has a mod twice}}
flex.variant {
  flex.band(%b, %h, %q) {
    flex.yield %q, %q : i64, i64
  }
  flex.band(%b, %h, %q) {
    flex.yield %q, %q : i64, i64
  }
}
