"""x"""
import ctypes
import numpy as np
from finitegpt import library
from finitegpt.graph import Graph
import time

class _Flows(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("graph", "source", "in_first", "in", "m", "e")]

class Flows:
    def __init__(s, graph, members):
        n=graph.n_states
        s.graph=graph
        s.source=graph.source
        order=np.argsort(graph.to,kind='stable')
        s.arrows_in=order.astype(np.int32)
        s.in_first=np.concatenate([[0],np.cumsum(np.bincount(graph.to,minlength=n))]).astype(np.int64)
        s.members=members
        s.m=np.where(members,1.0,0.0); s.e=np.zeros(n,np.int32)
        other=graph.source!=graph.to
        s.leave=np.bincount(graph.source[other],graph.probs[other],n)
        s.inside=np.flatnonzero(other&members[graph.source])
        s.lib=library.default()
    def struct(s):
        s._g=s.graph._struct
        s._f=_Flows(ctypes.cast(s._g._obj and ctypes.addressof(s._g._obj),ctypes.c_void_p).value if False else ctypes.addressof(s._g._obj), s.source.ctypes.data,s.in_first.ctypes.data,s.arrows_in.ctypes.data,s.m.ctypes.data,s.e.ctypes.data)
        return ctypes.byref(s._f)
    def settle(s,down):
        return s.lib.fg_settle(s.struct(),s.leave,down)
    def strengths(s,which):
        t,k=np.frexp(s.m[s.source[which]]*s.graph.probs[which])
        return t,k+s.e[s.source[which]]
    def unbalanced(s):
        t,k=s.strengths(s.inside)
        order=s.inside[np.argsort(-(np.log2(t)+k),kind='stable')].astype(np.int32)
        return s.lib.fg_unbalanced(s.struct(),order,len(order),np.empty(s.lib.fg_unbalanced_space(len(s.m)),np.uint8))
    def correct(s,label,many):
        src,to=label[s.source[s.inside]],label[s.graph.to[s.inside]]
        cross=np.flatnonzero(src!=to); src,to=src[cross],to[cross]
        t,k=s.strengths(s.inside[cross])
        top=np.full(many,-2**40); np.maximum.at(top,src,k)
        key=src.astype(np.int64)*many+to
        keys,place=np.unique(key,return_inverse=True)
        rates=np.bincount(place,np.ldexp(t,np.maximum(k-top[src],-1060).astype(np.int32)))
        keep=rates>1e-300
        keys,rates=keys[keep],rates[keep]
        first=np.searchsorted(keys//many,np.arange(many+1)).astype(np.int64)
        g=Graph(first=first,to=(keys%many).astype(np.int32),probs=rates)
        y,k,err=g.stationary_scaled(np.ones(many,bool))
        if not np.isfinite(err): return False
        m,x=np.frexp(y); c=x+k-top
        return s.scale(m[label],c[label])
    def scale(s,m,c):
        f,x=np.frexp(s.m*m)
        s.m=np.where(s.members,2*f,0.0)
        e=s.e+x-1+c
        e-=e[s.members].max()
        if e[s.members].min()<-2**30: return False
        s.e=np.where(s.members,e,0).astype(np.int32)
        return True
    def load(s,pi):
        pass
    def dense(s):
        x=np.ldexp(s.m,np.maximum(s.e,-1100)); return x/x.sum()
