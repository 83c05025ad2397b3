package main

import (
	"context"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What a script of argocd-cm may use: Argo CD opens no more for it, unless `useOpenLibs` is set.
var libraries = map[string]lua.LGFunction{
	lua.LoadLibName: lua.OpenPackage,
	lua.BaseLibName: lua.OpenBase,
	lua.TabLibName:  lua.OpenTable,
}

var healthCodes = map[string]bool{
	"Healthy": true, "Progressing": true, "Degraded": true, "Suspended": true, "Missing": true, "Unknown": true,
}

func argocd(script string) judge {
	return func(object *unstructured.Unstructured) (Verdict, error) {
		state := lua.NewState(lua.Options{SkipOpenLibs: true})
		defer state.Close()
		for name, open := range libraries {
			call := lua.P{Fn: state.NewFunction(open), Protect: true}
			if err := state.CallByParam(call, lua.LString(name)); err != nil {
				return Verdict{}, err
			}
		}
		limit, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		state.SetContext(limit)
		state.SetGlobal("obj", toLua(state, object.Object))
		if err := state.DoString(script); err != nil {
			return Verdict{}, err
		}
		return health(state.Get(-1))
	}
}

func health(returned lua.LValue) (Verdict, error) {
	table, ok := returned.(*lua.LTable)
	if !ok {
		return Verdict{}, fmt.Errorf("the script returned a %s, and must return a table", returned.Type())
	}
	code := lua.LVAsString(table.RawGetString("status"))
	if !healthCodes[code] {
		return Verdict{}, fmt.Errorf("the script returned the status %q", code)
	}
	return Verdict{Status: code, Message: lua.LVAsString(table.RawGetString("message"))}, nil
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch is := value.(type) {
	case bool:
		return lua.LBool(is)
	case string:
		return lua.LString(is)
	case int64:
		return lua.LNumber(is)
	case float64:
		return lua.LNumber(is)
	case []any:
		list := state.NewTable()
		for _, item := range is {
			list.Append(toLua(state, item))
		}
		return list
	case map[string]any:
		table := state.NewTable()
		for key, item := range is {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	}
	return lua.LNil
}
