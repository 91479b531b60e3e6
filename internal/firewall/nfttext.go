package firewall

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// compact writes JSON in one line: how an expression is named that has no
// better name.
func compact(raw any) string {
	b, err := json.Marshal(raw)
	if err != nil {
		return fmt.Sprint(raw)
	}
	const longest = 160
	if len(b) > longest {
		return string(b[:longest]) + "…"
	}
	return string(b)
}

// composeRule writes a rule in nft's syntax from its JSON. It serves people,
// where the listing as text was not collected; it is not meant to be loaded.
func composeRule(exprs []any) string {
	parts := make([]string, 0, len(exprs))
	for _, e := range exprs {
		parts = append(parts, composeStatement(e))
	}
	return strings.Join(parts, " ")
}

func composeStatement(raw any) string {
	name, arg := only(raw)
	m, _ := arg.(map[string]any)
	switch name {
	case "accept", "drop", "return", "continue", "notrack", "masquerade":
		return name
	case "counter":
		if p, ok := m["packets"].(float64); ok {
			b, _ := m["bytes"].(float64)
			return fmt.Sprintf("counter packets %.0f bytes %.0f", p, b)
		}
		return "counter"
	case "match":
		return composeMatch(m)
	case "jump", "goto":
		return name + " " + str(arg, "target")
	case "reject":
		if t := str(arg, "type"); t != "" {
			return strings.TrimSpace("reject with " + t + " " + str(arg, "expr"))
		}
		return "reject"
	case "log":
		if p := str(arg, "prefix"); p != "" {
			return "log prefix " + strconv.Quote(p)
		}
		return "log"
	case "limit":
		rate, _ := m["rate"].(float64)
		return fmt.Sprintf("limit rate %s%.0f/%s", composeOver(m), rate, str(arg, "per"))
	case "ct count":
		n, _ := m["val"].(float64)
		return fmt.Sprintf("ct count %s%.0f", composeOver(m), n)
	case "vmap":
		return composeExpr(m["key"]) + " vmap " + composeExpr(m["data"])
	case "mangle":
		return composeExpr(m["key"]) + " set " + composeExpr(m["value"])
	case "redirect", "dnat":
		out := name
		if a := m["addr"]; a != nil {
			out += " to " + composeExpr(a)
		}
		if p := m["port"]; p != nil {
			out += " :" + composeExpr(p)
		}
		return out
	case "set":
		out := str(arg, "op") + " " + str(arg, "set") + " { " + composeExpr(m["elem"])
		for _, s := range listOf(m["stmt"]) {
			out += " " + composeStatement(s)
		}
		return out + " }"
	}
	return compact(raw)
}

func composeOver(m map[string]any) string {
	if inv, _ := m["inv"].(bool); inv {
		return "over "
	}
	return ""
}

func composeMatch(m map[string]any) string {
	op, _ := m["op"].(string)
	if op == "==" || op == "in" {
		op = ""
	} else {
		op += " "
	}
	return composeExpr(m["left"]) + " " + op + composeExpr(m["right"])
}

func composeExpr(raw any) string {
	switch x := raw.(type) {
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case bool:
		if x {
			return "exists"
		}
		return "missing"
	case []any:
		return composeList(x, ", ")
	}
	name, arg := only(raw)
	m, _ := arg.(map[string]any)
	list, _ := arg.([]any)
	switch name {
	case "payload":
		if p := str(arg, "protocol"); p != "" {
			return p + " " + str(arg, "field")
		}
	case "meta":
		switch k := str(arg, "key"); k {
		case "iifname", "oifname", "iif", "oif":
			return k
		default:
			return "meta " + k
		}
	case "ct":
		return strings.Join(strings.Fields("ct "+str(arg, "dir")+" "+str(arg, "key")), " ")
	case "fib":
		return "fib " + strings.Join(strs(arg, "flags"), " . ") + " " + str(arg, "result")
	case "prefix":
		n, _ := m["len"].(float64)
		return fmt.Sprintf("%s/%.0f", str(arg, "addr"), n)
	case "range":
		return composeList(list, "-")
	case "concat":
		return composeList(list, " . ")
	case "&", "|", "^", "<<", ">>":
		return composeList(list, " "+name+" ")
	case "elem":
		return composeExpr(m["val"])
	case "set":
		if one, ok := arg.([]any); ok {
			return "{ " + composeElems(one) + " }"
		}
	}
	return compact(raw)
}

func composeList(list []any, sep string) string {
	parts := make([]string, len(list))
	for i, x := range list {
		parts[i] = composeExpr(x)
	}
	return strings.Join(parts, sep)
}

// composeElems writes the elements of an anonymous set or verdict map.
func composeElems(list []any) string {
	const most = 12
	var parts []string
	for i, x := range list {
		if i == most {
			parts = append(parts, "…")
			break
		}
		if pair, ok := x.([]any); ok && len(pair) == 2 {
			parts = append(parts, composeExpr(pair[0])+" : "+composeStatement(pair[1]))
			continue
		}
		parts = append(parts, composeExpr(x))
	}
	return strings.Join(parts, ", ")
}
