package events

import (
	"errors"
	"slices"
)

// tree puts what several groups tell at the same time into one order.
type tree struct {
	show  func(to sink, data []byte) error
	room  room
	nodes map[*Group]*node
	root  node
	over  bool
}

// node is a group. What it tells is shown at once while it is live and its queue is
// empty.
type node struct {
	parent *node
	queue  []item
	ended  bool
	failed bool
}

// item is what waits in a group: a group in its middle, or text.
type item struct {
	child *node
	text  *held
}

// declare puts a group after what the one around it has told so far.
func (t *tree) declare(g *Group) {
	if t.nodes == nil {
		t.nodes = map[*Group]*node{}
	}
	n := &node{parent: t.node(g.Parent)}
	t.nodes[g] = n
	n.parent.queue = append(n.parent.queue, item{child: n})
}

// node finds the node of a group. What belongs to none comes after all that was declared.
func (t *tree) node(g *Group) *node {
	if n := t.nodes[g]; n != nil {
		return n
	}
	return &t.root
}

// live tells that it is the node's turn.
func (n *node) live() bool {
	return n.parent == nil || len(n.parent.queue) > 0 && n.parent.queue[0].child == n && n.parent.live()
}

// put shows text of a group, or holds it back.
func (t *tree) put(g *Group, to sink, data []byte) error {
	n := t.node(g)
	if g == nil {
		return t.show(to, data) // it is no part of any order
	}
	if t.over {
		return nil
	}
	if len(n.queue) == 0 && n.live() {
		return t.show(to, data)
	}
	last := len(n.queue) - 1
	if last < 0 || n.queue[last].text == nil {
		n.queue = append(n.queue, item{text: &held{room: &t.room}})
		last++
	}
	return n.queue[last].text.add(to, data)
}

// end tells that a group is over. Whose turn comes then is shown.
func (t *tree) end(g *Group, failed bool) error {
	n := t.nodes[g]
	if n == nil {
		return nil
	}
	delete(t.nodes, g)
	n.ended, n.failed = true, failed
	if !n.live() {
		return nil
	}
	return t.advance(&t.root)
}

// advance shows what a live node has waiting, up to what is not over yet.
func (t *tree) advance(n *node) error {
	var errs []error
	for len(n.queue) > 0 && !t.over {
		first := n.queue[0]
		if first.text != nil {
			n.queue = n.queue[1:]
			errs = append(errs, first.text.release(t.show))
			continue
		}
		c := first.child
		errs = append(errs, t.advance(c))
		if !c.ended || len(c.queue) > 0 {
			break
		}
		n.queue = slices.Delete(n.queue, 0, 1)
		t.over = t.over || c.failed
	}
	return errors.Join(errs...)
}

// close shows what is held back even of groups that nobody ended, and frees what
// will not be shown.
func (t *tree) close() error {
	for _, n := range t.nodes {
		n.ended = true
	}
	err := t.advance(&t.root)
	t.over = true
	return errors.Join(err, t.root.drop())
}

func (n *node) drop() error {
	var errs []error
	for _, i := range n.queue {
		if i.text != nil {
			errs = append(errs, i.text.close())
			continue
		}
		errs = append(errs, i.child.drop())
	}
	n.queue = nil
	return errors.Join(errs...)
}
