;; The two inner loops of lanczos.ts, in SIMD. `node scripts/build-lanczos.mjs` turns this file into lanczos-wasm.ts.
;;
;; A weight is 22-bit fixed point and a 16-bit dot product holds 16, so each weight is two numbers,
;; weight = high * 2048 + low, and each sum is two sums: exact, wrapping at 32 bits as Pillow's would.
;; Weights lie in pairs of taps, 8 bytes a pair: high, high, low, low (int16). An odd last tap is paired with weight 0,
;; so memory must be readable one pixel (or row) past the source.
(module
  (memory (export "memory") 1)

  ;; high * 2048 + low, rounded and shifted to a grey level; not yet clipped.
  (func $level (param $high v128) (param $low v128) (result v128)
    (i32x4.shr_s
      (i32x4.add
        (i32x4.add (i32x4.shl (local.get $high) (i32.const 11)) (local.get $low))
        (v128.const i32x4 2097152 2097152 2097152 2097152))
      (i32.const 22)))

  ;; Horizontal pass. source: rows of $sourceStride bytes; target: rows of $width pixels of 3 bytes, and one byte more
  ;; at the end; $spans: for each target pixel the offset in bytes of its first source pixel and its number of pairs
  ;; (int32, int32); $weights: $weightStride bytes for each target pixel.
  (func (export "resizeRows")
    (param $source i32) (param $sourceStride i32) (param $rows i32)
    (param $target i32) (param $width i32)
    (param $spans i32) (param $weights i32) (param $weightStride i32)
    (local $x i32) (local $from i32) (local $pairs i32) (local $weight i32) (local $span i32)
    (local $high v128) (local $low v128) (local $pixels v128)
    (block $done
      (loop $row
        (br_if $done (i32.eqz (local.get $rows)))
        (local.set $x (i32.const 0))
        (local.set $span (local.get $spans))
        (loop $column
          (local.set $from (i32.add (local.get $source) (i32.load (local.get $span))))
          (local.set $pairs (i32.load offset=4 (local.get $span)))
          (local.set $weight (i32.add (local.get $weights) (i32.mul (local.get $x) (local.get $weightStride))))
          (local.set $high (v128.const i32x4 0 0 0 0))
          (local.set $low (v128.const i32x4 0 0 0 0))
          (loop $tap
            ;; r0 g0 b0 r1 g1 b1 → (r0 r1) (g0 g1) (b0 b1) (0 0), 16 bits each
            (local.set $pixels
              (i8x16.shuffle 0 16 3 16 1 16 4 16 2 16 5 16 16 16 16 16
                (v128.load64_zero align=1 (local.get $from)) (v128.const i32x4 0 0 0 0)))
            (local.set $high
              (i32x4.add (local.get $high)
                (i32x4.dot_i16x8_s (local.get $pixels) (v128.load32_splat (local.get $weight)))))
            (local.set $low
              (i32x4.add (local.get $low)
                (i32x4.dot_i16x8_s (local.get $pixels) (v128.load32_splat offset=4 (local.get $weight)))))
            (local.set $from (i32.add (local.get $from) (i32.const 6)))
            (local.set $weight (i32.add (local.get $weight) (i32.const 8)))
            (local.set $pairs (i32.sub (local.get $pairs) (i32.const 1)))
            (br_if $tap (i32.gt_s (local.get $pairs) (i32.const 0))))
          (local.set $pixels (call $level (local.get $high) (local.get $low)))
          (local.set $pixels (i16x8.narrow_i32x4_s (local.get $pixels) (local.get $pixels)))
          (local.set $pixels (i8x16.narrow_i16x8_u (local.get $pixels) (local.get $pixels)))
          ;; Four bytes: the next pixel overwrites the fourth.
          (i32.store align=1 (local.get $target) (i32x4.extract_lane 0 (local.get $pixels)))
          (local.set $target (i32.add (local.get $target) (i32.const 3)))
          (local.set $span (i32.add (local.get $span) (i32.const 8)))
          (local.set $x (i32.add (local.get $x) (i32.const 1)))
          (br_if $column (i32.lt_u (local.get $x) (local.get $width))))
        (local.set $source (i32.add (local.get $source) (local.get $sourceStride)))
        (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
        (br $row))))

  ;; Vertical pass, 16 bytes at a time. source and target: rows of $stride bytes, a multiple of 16; $spans: for each
  ;; target row the offset in bytes of its first source row and its number of pairs; $weights as above.
  (func (export "resizeColumns")
    (param $source i32) (param $stride i32)
    (param $target i32) (param $rows i32)
    (param $spans i32) (param $weights i32) (param $weightStride i32)
    (local $x i32) (local $from i32) (local $pairs i32) (local $weight i32)
    (local $a v128) (local $b v128) (local $high v128) (local $low v128) (local $values v128)
    (local $high0 v128) (local $high1 v128) (local $high2 v128) (local $high3 v128)
    (local $low0 v128) (local $low1 v128) (local $low2 v128) (local $low3 v128)
    (block $done
      (loop $row
        (br_if $done (i32.eqz (local.get $rows)))
        (local.set $x (i32.const 0))
        (loop $column
          (local.set $from
            (i32.add (i32.add (local.get $source) (local.get $x)) (i32.load (local.get $spans))))
          (local.set $pairs (i32.load offset=4 (local.get $spans)))
          (local.set $weight (local.get $weights))
          (local.set $high0 (v128.const i32x4 0 0 0 0)) (local.set $low0 (v128.const i32x4 0 0 0 0))
          (local.set $high1 (v128.const i32x4 0 0 0 0)) (local.set $low1 (v128.const i32x4 0 0 0 0))
          (local.set $high2 (v128.const i32x4 0 0 0 0)) (local.set $low2 (v128.const i32x4 0 0 0 0))
          (local.set $high3 (v128.const i32x4 0 0 0 0)) (local.set $low3 (v128.const i32x4 0 0 0 0))
          (loop $tap
            (local.set $a (v128.load align=1 (local.get $from)))
            (local.set $b (v128.load align=1 (i32.add (local.get $from) (local.get $stride))))
            (local.set $high (v128.load32_splat (local.get $weight)))
            (local.set $low (v128.load32_splat offset=4 (local.get $weight)))
            ;; a0 b0 a1 b1 … a7 b7
            (local.set $values
              (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 (local.get $a) (local.get $b)))
            (local.set $a
              (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 (local.get $a) (local.get $b)))
            (local.set $b (i16x8.extend_low_i8x16_u (local.get $values)))
            (local.set $high0 (i32x4.add (local.get $high0) (i32x4.dot_i16x8_s (local.get $b) (local.get $high))))
            (local.set $low0 (i32x4.add (local.get $low0) (i32x4.dot_i16x8_s (local.get $b) (local.get $low))))
            (local.set $b (i16x8.extend_high_i8x16_u (local.get $values)))
            (local.set $high1 (i32x4.add (local.get $high1) (i32x4.dot_i16x8_s (local.get $b) (local.get $high))))
            (local.set $low1 (i32x4.add (local.get $low1) (i32x4.dot_i16x8_s (local.get $b) (local.get $low))))
            (local.set $b (i16x8.extend_low_i8x16_u (local.get $a)))
            (local.set $high2 (i32x4.add (local.get $high2) (i32x4.dot_i16x8_s (local.get $b) (local.get $high))))
            (local.set $low2 (i32x4.add (local.get $low2) (i32x4.dot_i16x8_s (local.get $b) (local.get $low))))
            (local.set $b (i16x8.extend_high_i8x16_u (local.get $a)))
            (local.set $high3 (i32x4.add (local.get $high3) (i32x4.dot_i16x8_s (local.get $b) (local.get $high))))
            (local.set $low3 (i32x4.add (local.get $low3) (i32x4.dot_i16x8_s (local.get $b) (local.get $low))))
            (local.set $from (i32.add (local.get $from) (i32.shl (local.get $stride) (i32.const 1))))
            (local.set $weight (i32.add (local.get $weight) (i32.const 8)))
            (local.set $pairs (i32.sub (local.get $pairs) (i32.const 1)))
            (br_if $tap (i32.gt_s (local.get $pairs) (i32.const 0))))
          (v128.store align=1 (i32.add (local.get $target) (local.get $x))
            (i8x16.narrow_i16x8_u
              (i16x8.narrow_i32x4_s
                (call $level (local.get $high0) (local.get $low0))
                (call $level (local.get $high1) (local.get $low1)))
              (i16x8.narrow_i32x4_s
                (call $level (local.get $high2) (local.get $low2))
                (call $level (local.get $high3) (local.get $low3)))))
          (local.set $x (i32.add (local.get $x) (i32.const 16)))
          (br_if $column (i32.lt_u (local.get $x) (local.get $stride))))
        (local.set $target (i32.add (local.get $target) (local.get $stride)))
        (local.set $spans (i32.add (local.get $spans) (i32.const 8)))
        (local.set $weights (i32.add (local.get $weights) (local.get $weightStride)))
        (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
        (br $row)))))
