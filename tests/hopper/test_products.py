"""The printed products (compiler/emit/cuda/gemm_source): operands, steps and sizes, counted in the text for many tiles; the same text twice."""
import re
import subprocess
import sys

TILES = [("bf16", 128, 128, 128, 128), ("f16", 192, 128, 64, 64), ("bf16", 128, 176, 128, 128), ("bf16", 128, 64, 256, 256), ("f16", 128, 80, 256, 256),
         ("bf16", 128, 16, 64, 256)]


def check(condition, what):
    if not condition:
        sys.exit(f"FAIL: {what}")


def printed(tool, tile):
    return subprocess.run([tool] + [str(x) for x in tile], capture_output=True, text=True, check=True).stdout


def main():
    tool = sys.argv[1]
    for tile in TILES:
        element, m, n, d, dv = tile
        text = printed(tool, tile)
        check(text == printed(tool, tile), f"{tile}: two texts")
        qk, pv = text.split("void pv_gemm")
        qk_products = re.findall(r"wgmma\.mma_async\.sync\.aligned\.m64n(\d+)k16\.f32\.(\w+)\.(\w+) .*?FLEXC_SCORES \", (\S+), (\S+), (\w+), 1, 1, 0, 0;", qk)
        check(len(qk_products) == d // 16, f"{tile}: {len(qk_products)} products of QK")
        check(all(p[:3] == (str(n), element, element) for p in qk_products), f"{tile}: shape or type of QK")
        check([p[5] for p in qk_products] == ["zero"] + ["1"] * (d // 16 - 1), f"{tile}: the first product overwrites, the others add")
        check(len(re.findall(r'"=f"\(scores\[\d+\]\)', qk)) == n // 2, f"{tile}: scores")
        # A panel is 64 columns of all rows: 4 steps of 32 bytes, then the next panel; in units of 16 bytes.
        steps = re.findall(r"add\.u64 a, %\d+, (\d+);\\n\\tadd\.u64 b, %\d+, (\d+);", qk)
        check(steps == [(str(s // 4 * m * 8 + s % 4 * 2), str(s // 4 * n * 8 + s % 4 * 2)) for s in range(1, d // 16)], f"{tile}: steps of QK")
        pv_products = re.findall(r"m64n(\d+)k16\.f32\.(\w+)\.\w+ \" FLEXC_OUTPUT \", \{%(\d+),%(\d+),%(\d+),%(\d+)\}, (\S+), 1, 1, 1, 1;", pv)
        check(len(pv_products) == n // 16, f"{tile}: {len(pv_products)} products of PV")
        operands = [int(x) for p in pv_products for x in p[2:6]]
        check(operands == list(range(n // 4)), f"{tile}: P's registers in order")
        check(re.findall(r"add\.u64 b, %\d+, (\d+);", pv) == [str(s * 128) for s in range(1, n // 16)], f"{tile}: steps of PV")
        check(len(re.findall(r'"r"\(packed\[\d+\]\)', pv)) == n // 4, f"{tile}: operands")
        outputs = list(range(dv // 2))
        check([int(x) for x in re.findall(r"output(\d+)", re.search(r"#define FLEXC_OUTPUT (.*?)\ntemplate", qk + "void pv_gemm" + pv, re.S).group(1))] == outputs, f"{tile}: PV's accumulator")
        check(f".reg .f32 output<{dv // 2}>;" in text, f"{tile}: the output's registers")
        check([int(x) for x in re.findall(r"mov\.f32 output(\d+), 0f00000000;", text)] == outputs, f"{tile}: cleared")
        scaled = [tuple(map(int, x)) for x in re.findall(r"mul\.rn\.f32 output(\d+), output(\d+), %(\d);", text)]
        check(scaled == [(i, i, i // 2 % 2) for i in outputs], f"{tile}: scaled by rows")
        packed = re.findall(r'mul\.rn\.f32 low, output(\d+), %1;\\n\\tmul\.rn\.f32 high, output(\d+), %1;\\n\\t"\n +"cvt\.rn\.(\w+)x2\.f32 %0, high, low;\\n\\tand\.b32 %0, %0, %2;\\n\\t}" '
                            r': "=r"\(words\[(\d+)\]\) : "f"\((\w+)\), "r"\(keep_(\w+)\)', text)
        rows = ["first", "second"]
        check(packed == [(str(2 * i), str(2 * i + 1), element, str(i), rows[i % 2], rows[i % 2]) for i in range(dv // 4)], f"{tile}: packed by rows")
        stored = re.findall(r"st\.global\.v4\.f32 \[%0\+(\d+)\], \{output(\d+),output(\d+),output(\d+),output(\d+)\};", text)
        check([tuple(map(int, x)) for x in stored] == [(i // 4 * 512, i, i + 1, i + 2, i + 3) for i in outputs[::4]], f"{tile}: stored")
    print(f"products: {len(TILES)} tiles")


if __name__ == "__main__":
    main()
