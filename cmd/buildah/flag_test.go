package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOptionValues(t *testing.T) {
	t.Parallel()
	list, array, numbers := []string{"preset"}, []string{"preset"}, []int(nil)
	n := uint64(0)
	set := func(o *option, values ...string) error {
		for _, v := range values {
			if err := (optionValue{o}).Set(v); err != nil {
				return o.err
			}
		}
		return nil
	}
	if err := set(listOption("l", "X", &list, ""), `a,"b,c"`, "d"); err != nil {
		t.Error(err)
	}
	if err := set(arrayOption("a", "X", &array, ""), "a,b", "c"); err != nil {
		t.Error(err)
	}
	if err := set(numbersOption("n", &numbers, ""), "1,2", "0x10"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"a", "b,c", "d"}, list); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a,b", "c"}, array); diff != "" {
		t.Errorf("array (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{1, 2, 16}, numbers); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
	err := set(numberOption("cpu-shares,c", &n, ""), "bogus")
	if err == nil || !strings.Contains(err.Error(), `invalid argument "bogus" for "-c, --cpu-shares" flag`) {
		t.Errorf("bad number says %v", err)
	}
}
